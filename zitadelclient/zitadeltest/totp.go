package zitadeltest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

// totpPeriod is how long a code is the current one. A step more on either side
// is accepted, for clocks that differ.
const totpPeriod = 30 * time.Second

// totpCode is the code of RFC 6238: SHA-1, six digits.
func totpCode(secret string, at time.Time) (string, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("zitadeltest: TOTP secret: %w", err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())/uint64(totpPeriod/time.Second)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000), nil
}

// totpMatches says whether a code is good now. Nothing is remembered: as on the
// real server the same code is good again until its window ends.
func totpMatches(secret, code string, now time.Time) bool {
	for _, skew := range []time.Duration{0, -totpPeriod, totpPeriod} {
		if want, err := totpCode(secret, now.Add(skew)); err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return true
		}
	}
	return false
}

// newTOTPSecret makes a secret as authenticator apps take it.
func newTOTPSecret() string {
	key := make([]byte, 20)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
}

func errTOTPInvalid() *apiError { return invalidArgument("EVENT-8isk2", "Invalid code") }

// registerTOTP begins the set-up; a second one takes the place of an unfinished first.
func (c *call) registerTOTP() (any, error) {
	u, h, err := c.credentialOwner()
	if err != nil {
		return nil, err
	}
	if t := h.factors.totp; t != nil && t.verified {
		return nil, alreadyExists("COMMAND-do9se", "Multifactor OTP (OneTimePassword) is already set up")
	}
	secret := newTOTPSecret()
	h.factors.totp = &totpFactor{secret: secret}
	c.touch(&u.record)
	query := url.Values{"algorithm": {"SHA1"}, "digits": {"6"}, "issuer": {"ZITADEL"}, "period": {"30"}, "secret": {secret}}
	uri := "otpauth://totp/ZITADEL:" + url.PathEscape(c.loginName(u)) + "?" + query.Encode()
	return object{"details": u.details(), "uri": uri, "secret": secret}, nil
}

// verifyTOTP ends the set-up. Wrong codes are not counted here.
func (c *call) verifyTOTP() (any, error) {
	var request struct {
		Code string `json:"code"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if !lengthBetween(request.Code, 1, 200) {
		return nil, badRequest("invalid VerifyTOTPRegistrationRequest.Code: value length must be between 1 and 200 runes, inclusive")
	}
	u, h, err := c.credentialOwner()
	if err != nil {
		return nil, err
	}
	t := h.factors.totp
	switch {
	case t == nil:
		return nil, notFound("COMMAND-3Mif9s", "Multifactor OTP (OneTimePassword) doesn't exist")
	case t.verified:
		return nil, failedPrecondition("COMMAND-qx4ls", "Errors.Users.MFA.OTP.AlreadyReady")
	case !totpMatches(t.secret, request.Code, c.now()):
		return nil, errTOTPInvalid()
	}
	c.touch(&u.record)
	t.verified, t.visible = true, u.visible
	return object{"details": u.details()}, nil
}

func (c *call) removeTOTP() (any, error) {
	u, h, err := c.factorOwner()
	if err != nil {
		return nil, err
	}
	if h.factors.totp == nil {
		return nil, notFound("COMMAND-Hd9sd", "Multifactor OTP (OneTimePassword) doesn't exist")
	}
	h.factors.totp = nil
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

// credentialOwner finds the user of the path for a call that registers
// something: one's own, or with the permission anybody's.
func (c *call) credentialOwner() (*user, *human, error) { return c.ownerFor(userCredentialWrite) }

// factorOwner finds the user of the path for a call that removes something.
func (c *call) factorOwner() (*user, *human, error) { return c.ownerFor(userWrite) }

func (c *call) ownerFor(p permission) (*user, *human, error) {
	if err := c.requireOrSelf(p, c.id()); err != nil {
		return nil, nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, nil, errUserNotFound()
	}
	return u, h, nil
}
