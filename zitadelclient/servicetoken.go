package zitadelclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	opServiceToken = "get service token"

	// Without the audience scope a token is issued all the same, and then
	// refused by every API call.
	serviceScope = "openid urn:zitadel:iam:org:project:id:zitadel:aud"

	// renewRetry is how long a failed renewal rests while the old token lives.
	renewRetry = 30 * time.Second
)

// serviceToken keeps the access token of the service user.
type serviceToken struct {
	source  tokenSource
	now     func() time.Time
	logger  *slog.Logger
	flights *flights

	mu      sync.Mutex
	current accessToken
}

// tokenSource gets a new token. It is called by one goroutine at a time.
type tokenSource func(context.Context) (accessToken, error)

type accessToken struct {
	value          string
	userID         string // whose it is; "" where ZITADEL does not tell
	renew, expires time.Time
}

func newServiceToken(c *Client) (*serviceToken, error) {
	s := &serviceToken{now: c.config.Now, logger: c.config.Logger, flights: c.flights}
	credentials := c.config.Service
	switch method := credentials.method(); method {
	case "key":
		keys := &keySource{file: credentials.KeyFile, inline: credentials.Key, wantType: serviceAccountKey, setting: "TORHAUS_ZITADEL_KEY", now: c.config.Now}
		if _, err := keys.key(); err != nil {
			return nil, err
		}
		s.source = func(ctx context.Context) (accessToken, error) { return c.jwtProfile(ctx, keys) }
	case "pat":
		c.config.Logger.Warn("the service token is a personal access token: whoever reads it once has it for long. " +
			"To leave it: create a JSON key for the service user in ZITADEL, set TORHAUS_ZITADEL_KEY_FILE to its path, and remove TORHAUS_ZITADEL_PAT")
		s.source = func(context.Context) (accessToken, error) { return personalToken(c.config) }
	case "secret":
		s.source = c.clientCredentials
	default:
		return nil, errors.New("exactly one service credential is needed: TORHAUS_ZITADEL_KEY_FILE (recommended), or TORHAUS_ZITADEL_PAT, or TORHAUS_ZITADEL_CLIENT_ID with TORHAUS_ZITADEL_CLIENT_SECRET")
	}
	return s, nil
}

// method names the configured credential, "" unless it is exactly one.
func (s ServiceCredentials) method() string {
	var methods []string
	if (s.KeyFile != "") != (s.Key != "") {
		methods = append(methods, "key")
	}
	if s.PAT != "" {
		methods = append(methods, "pat")
	}
	if s.ClientID != "" && s.ClientSecret != "" {
		methods = append(methods, "secret")
	}
	if len(methods) != 1 {
		return ""
	}
	return methods[0]
}

// get returns a token that is good for a while.
func (s *serviceToken) get(ctx context.Context) (string, error) {
	token, err := s.token(ctx)
	return token.value, err
}

func (s *serviceToken) token(ctx context.Context) (accessToken, error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	now := s.now()
	if current.value != "" && now.Before(current.renew) {
		return current, nil
	}
	fresh, err := shared(ctx, s.flights, opServiceToken, s.mint)
	switch {
	case err == nil:
		return fresh, nil
	case current.value != "" && now.Before(current.expires) && ctx.Err() == nil:
		s.logger.Error("the service token could not be renewed; the old one still works", "error", err, "expires", current.expires)
		s.postpone(current, now.Add(renewRetry))
		return current, nil
	}
	return accessToken{}, err
}

func (s *serviceToken) mint(ctx context.Context) (accessToken, error) {
	fresh, err := s.source(ctx)
	if err != nil {
		return accessToken{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = fresh
	return fresh, nil
}

func (s *serviceToken) postpone(token accessToken, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.value == token.value {
		s.current.renew = until
	}
}

// replace returns another token than the one that was answered with 401.
func (s *serviceToken) replace(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	if s.current.value == refused {
		s.current = accessToken{}
	}
	s.mu.Unlock()
	token, err := s.get(ctx)
	if err == nil && token == refused { // a personal access token is what it is
		err = &Error{Kind: Unauthorized, Op: opServiceToken, Status: http.StatusUnauthorized, Err: errToken}
	}
	return token, err
}

// lifetimes renews at 80 % of a token's life, a little earlier by chance so
// that replicas which started together do not stay together.
func lifetimes(now time.Time, life time.Duration) (renew, expires time.Time) {
	share := 0.8 - 0.05*rand.Float64()
	return now.Add(time.Duration(share * float64(life))), now.Add(life)
}

func personalToken(config Config) (accessToken, error) {
	never := config.Now().AddDate(100, 0, 0)
	return accessToken{value: config.Service.PAT, renew: never, expires: never}, nil
}

// jwtProfile exchanges a self-signed assertion for a token (RFC 7523).
func (c *Client) jwtProfile(ctx context.Context, keys *keySource) (accessToken, error) {
	k, err := keys.key()
	if err != nil {
		return accessToken{}, &Error{Kind: Unauthorized, Op: opServiceToken, Err: err}
	}
	assertion, err := k.assertion(c.config.Issuer, c.config.Now())
	if err != nil {
		return accessToken{}, &Error{Kind: Unauthorized, Op: opServiceToken, Err: err}
	}
	in, err := c.postToken(ctx, opServiceToken, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}, "scope": {serviceScope}}, nil)
	if err != nil {
		return accessToken{}, err
	}
	if in.status == http.StatusInternalServerError || in.status == http.StatusBadRequest {
		return accessToken{}, &Error{Kind: Unauthorized, Op: opServiceToken, Status: in.status, Err: c.diagnose(in, k)}
	}
	token, err := c.acceptServiceToken(in)
	token.userID = k.UserID
	return token, err
}

// diagnose finds a reason for the one answer that ZITADEL has for every bad
// assertion. The key file itself was checked before.
func (c *Client) diagnose(in incoming, k *key) error {
	if date, err := http.ParseTime(in.header.Get("Date")); err == nil {
		if skew := c.config.Now().Sub(date); skew.Abs() >= assertionAge {
			return fmt.Errorf("this machine's clock is %s ZITADEL's: set it, by NTP for example", offset(skew))
		}
	}
	return fmt.Errorf("ZITADEL refuses the key %s of the service user %s: the key was removed, the user was removed or locked, "+
		"or both are of another instance than %s; create a new key and set TORHAUS_ZITADEL_KEY_FILE", k.KeyID, k.UserID, c.config.Issuer)
}

func offset(skew time.Duration) string {
	if skew < 0 {
		return skew.Abs().Round(time.Minute).String() + " behind"
	}
	return skew.Round(time.Minute).String() + " ahead of"
}

// clientCredentials exchanges the service user's name and secret for a token.
func (c *Client) clientCredentials(ctx context.Context) (accessToken, error) {
	id, secret := c.config.Service.ClientID, c.config.Service.ClientSecret
	in, err := c.postToken(ctx, opServiceToken, url.Values{"grant_type": {"client_credentials"}, "scope": {serviceScope}}, basicAuth(id, secret))
	if err != nil {
		return accessToken{}, err
	}
	if in.status == http.StatusBadRequest {
		e := oauthError(opServiceToken, in)
		e.Kind, e.Err = Unauthorized, errServiceSecret
		return accessToken{}, e
	}
	return c.acceptServiceToken(in)
}

var errServiceSecret = errors.New("ZITADEL refuses the client credentials: TORHAUS_ZITADEL_CLIENT_ID is the service user's name (not its id), TORHAUS_ZITADEL_CLIENT_SECRET the secret that was created last")

func (c *Client) acceptServiceToken(in incoming) (accessToken, error) {
	answer, err := decodeTokens(opServiceToken, in)
	if err != nil {
		return accessToken{}, err
	}
	now := c.config.Now()
	token := accessToken{value: answer.AccessToken, userID: subjectHint(answer.IDToken)}
	token.renew, token.expires = lifetimes(now, answer.lifetime())
	return token, nil
}

// subjectHint reads the subject of the service user's own ID token. It is not
// verified (its exp equals its iat) and only names the login client in a
// header that ZITADEL does not rely on.
func subjectHint(idToken string) string {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct{ Sub string }
	if json.Unmarshal(payload, &claims) != nil || !validID(claims.Sub) {
		return ""
	}
	return claims.Sub
}
