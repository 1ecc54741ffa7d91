package handlers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	formType    = "application/x-www-form-urlencoded"
)

// deliver sends a logout token as ZITADEL does.
func (w *world) deliver(token string) answer {
	w.t.Helper()
	return w.receive(http.MethodPost, "/backchannel-logout", url.Values{"logout_token": {token}}.Encode(), formType)
}

func (w *world) receive(method, path, body, contentType string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, w.auth+path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	recorder := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(recorder, r)
	if !strings.Contains(recorder.Header().Get("Cache-Control"), "no-store") || recorder.Header().Get("Set-Cookie") != "" {
		w.t.Errorf("the answer may be stored, or sets a cookie: %v", recorder.Header())
	}
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// done fails unless the answer is one that ZITADEL takes for a success.
func (a answer) done(w *world) {
	w.t.Helper()
	if a.status != http.StatusOK || a.body != "" {
		w.t.Errorf("%d %q, want 200", a.status, a.body)
	}
}

// sid is the ZITADEL session that a browser's session rests on.
func (w *world) sid(b *browser) string { return w.heldFor(b).account.ZitadelSession }

// change makes another token of a good one, before it is signed.
type change func(w *world, header, claims map[string]any)

// token is a logout token about a ZITADEL session of alice's.
func (w *world) token(sid string, changes ...change) string {
	return w.zitadel.LogoutToken(w.ours.ClientID, w.alice, sid, func(header, claims map[string]any) {
		for _, change := range changes {
			change(w, header, claims)
		}
	})
}

func claiming(name string, value any) change {
	return func(_ *world, _, claims map[string]any) { claims[name] = value }
}

func lacking(names ...string) change {
	return func(_ *world, _, claims map[string]any) {
		maps.DeleteFunc(claims, func(name string, _ any) bool { return slices.Contains(names, name) })
	}
}

// at has a claim be a time, so long from now. A token's iat is a second back.
func at(name string, d time.Duration) change {
	return func(_ *world, _, claims map[string]any) {
		claims[name] = claims["iat"].(int64) + 1 + int64(d/time.Second)
	}
}

func typed(typ string) change {
	return func(_ *world, header, _ map[string]any) {
		if delete(header, "typ"); typ != "" {
			header["typ"] = typ
		}
	}
}

// otherwise has the claims of another kind of token.
func otherwise(claims map[string]any, without ...string) change {
	return func(w *world, header, of map[string]any) {
		lacking(append(without, "events")...)(w, header, of)
		maps.Copy(of, claims)
	}
}

// reheaded is a token under another header, with what is left of its signature.
func reheaded(token, header string, signed bool) string {
	_, rest, _ := strings.Cut(token, ".")
	if !signed {
		rest = rest[:strings.LastIndex(rest, ".")+1]
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// row plays one row of the corpus.
type row func(w *world)

// ends is a token that ends the session that it is about.
func ends(changes ...change) row {
	return func(w *world) {
		w.t.Helper()
		b, other := w.device(firefox), w.device(iphone)
		w.deliver(w.token(w.sid(b), changes...)).done(w)
		w.alone(map[string]*browser{"another": other}, map[string]*browser{"the one": b})
	}
}

// refused is a token that ends nothing.
func refused(changes ...change) row {
	return refusedAs(func(w *world, sid string) string { return w.token(sid, changes...) }, http.StatusBadRequest)
}

func refusedAs(make func(w *world, sid string) string, statuses ...int) row {
	return misdelivered(func(w *world, sid string) answer { return w.deliver(make(w, sid)) }, statuses...)
}

// misdelivered is what is no delivery of a token.
func misdelivered(send func(w *world, sid string) answer, statuses ...int) row {
	return func(w *world) {
		w.t.Helper()
		b := w.device(firefox)
		got := send(w, w.sid(b))
		if !slices.Contains(statuses, got.status) {
			w.t.Errorf("%d, want %v", got.status, statuses)
		}
		got.problem(w, got.status)
		w.alone(map[string]*browser{"the one": b}, nil)
		w.deliver(w.token(w.sid(b))).done(w)
		w.alone(nil, map[string]*browser{"by a good token": b})
	}
}

var logoutTokenRows = map[string]row{
	"valid: typ=logout+jwt, iss, aud, iat, exp, jti, events{backchannel-logout:{}}, sid": ends(typed("logout+jwt"), lacking("sub")),
	"valid with sub only": func(w *world) {
		one, two := w.device(firefox), w.device(iphone)
		w.deliver(w.token("", lacking("sid"))).done(w)
		w.alone(nil, map[string]*browser{"one": one, "two": two})
	},
	"valid with sub and sid": ends(),
	"unknown sid": func(w *world) {
		b := w.device(firefox)
		w.deliver(w.token("400703449471126566")).done(w)
		w.alone(map[string]*browser{"the one": b}, nil)
	},
	"same jti twice": func(w *world) {
		once := claiming("jti", "400703449555012646")
		b := w.device(firefox)
		w.deliver(w.token(w.sid(b), once)).done(w)
		again := w.device(firefox)
		w.deliver(w.token(w.sid(again), once)).done(w) // to no effect
		w.alone(map[string]*browser{"signed in since": again}, map[string]*browser{"the one": b})
	},
	"nonce present":  refused(claiming("nonce", "n")),
	"events missing": refused(lacking("events")),
	"events without the backchannel-logout member": refused(claiming("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}})),
	"events member not an object":                  refused(claiming("events", map[string]any{logoutEvent: true})),
	"neither sub nor sid":                          refused(lacking("sub", "sid")),
	"typ=JWT":                                      ends(typed("JWT")),
	"typ=at+jwt":                                   refused(typed("at+jwt")),
	"typ absent":                                   ends(typed("")),
	"jti missing":                                  refused(lacking("jti")),
	"slow Redis: handler exceeds 4 s":              slowStore,
	"two OIDC sessions share one sid (two logins inside one ZITADEL session)": func(w *world) {
		b := w.device(firefox)
		lost := newBrowser(w.t)
		w.lend(b, lost)
		w.loseSessionCookie(b)
		b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/inbox")
		w.alone(map[string]*browser{"first": lost, "second": b}, nil)
		w.deliver(w.token(w.sid(b))).done(w)
		w.alone(nil, map[string]*browser{"first": lost, "second": b})
	},
	"an ID token posted as logout_token":     refused(otherwise(map[string]any{"nonce": "n", "amr": []string{"pwd"}, "at_hash": "x"}, "jti")),
	"an access token posted as logout_token": refused(otherwise(map[string]any{"client_id": "1"}, "sid")),
	"alg=none": refusedAs(func(w *world, sid string) string {
		return reheaded(w.token(sid), `{"alg":"none","typ":"JWT"}`, false)
	}, http.StatusBadRequest),
	"HS256 with client secret": refusedAs(func(w *world, sid string) string {
		return reheaded(w.token(sid), `{"alg":"HS256","typ":"JWT"}`, true) // by whichever secret: the algorithm is none of ours
	}, http.StatusBadRequest),
	"wrong iss":         refused(claiming("iss", "https://evil.example.org")),
	"wrong aud":         refused(claiming("aud", []string{"400700000000000000"})),
	"expired":           refused(at("exp", -time.Second)),
	"exp missing":       refused(lacking("exp")),
	"iat 1 h old":       refused(at("iat", -time.Hour)),
	"iat in the future": refused(at("iat", time.Hour)),
	"GET instead of POST": misdelivered(func(w *world, sid string) answer {
		return w.receive(http.MethodGet, "/backchannel-logout?logout_token="+w.token(sid), "", formType)
	}, http.StatusMethodNotAllowed),
	"Content-type json": misdelivered(func(w *world, sid string) answer {
		return w.receive(http.MethodPost, "/backchannel-logout", `{"logout_token":"`+w.token(sid)+`"}`, "application/json")
	}, http.StatusUnsupportedMediaType),
	"logout_token parameter missing": misdelivered(func(w *world, sid string) answer {
		return w.receive(http.MethodPost, "/backchannel-logout?logout_token="+w.token(sid), "token="+w.token(sid), formType)
	}, http.StatusBadRequest),
	"logout_token repeated twice": misdelivered(func(w *world, sid string) answer {
		return w.receive(http.MethodPost, "/backchannel-logout", "logout_token="+w.token(sid)+"&logout_token="+w.token(sid), formType)
	}, http.StatusBadRequest),
	"1 MB token": refusedAs(func(w *world, sid string) string {
		return w.token(sid, claiming("filler", strings.Repeat("a", 1<<20)))
	}, http.StatusRequestEntityTooLarge),
	"10 000 requests/min of garbage": manyForgeries,
	"Redis down":                     brokenStoreAtDelivery,
	"response caching":               ends(), // receive looks at it, of every row
}

// Every row of the corpus: what is refused ends nothing and is never our fault,
// and what is taken ends what it is about.
func TestLogoutTokenCorpus(t *testing.T) {
	played := 0
	for _, row := range corpus(t, "testdata/logout_token_cases.tsv") {
		name := strings.Replace(row[0], "Content-Type", "Content-type", 1)
		play := logoutTokenRows[name]
		if play == nil {
			t.Errorf("nothing is made of this row: %s", name)
			continue
		}
		played++
		t.Run(name, func(t *testing.T) { play(newWorld(t)) })
	}
	if played != len(logoutTokenRows) {
		t.Errorf("%d rows are played of %d", played, len(logoutTokenRows))
	}
}

// lend gives a browser another one's session cookie.
func (w *world) lend(from, to *browser) {
	w.t.Helper()
	u, err := url.Parse(w.auth)
	w.must(err)
	to.jar.SetCookies(u, []*http.Cookie{{Name: "__Secure-torhaus", Value: from.cookie(w.auth, "__Secure-torhaus"), Path: "/", Domain: "example.localhost", Secure: true}})
}

// hookedStore is a store that asks before each use.
type hookedStore struct {
	session.Store
	before func(context.Context) error
}

func (s *hookedStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s *hookedStore) Swap(ctx context.Context, key string, from, to []byte, ttl time.Duration) error {
	if err := s.before(ctx); err != nil {
		return err
	}
	return s.Store.Swap(ctx, key, from, to, ttl)
}

func (s *hookedStore) Delete(ctx context.Context, keys ...string) error {
	if err := s.before(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, keys...)
}

func (s *hookedStore) Members(ctx context.Context, index string) ([]string, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.Store.Members(ctx, index)
}

func (s *hookedStore) Take(ctx context.Context, bucket string, rate session.Rate) (time.Duration, error) {
	if err := s.before(ctx); err != nil {
		return 0, err
	}
	return s.Store.Take(ctx, bucket, rate)
}

// over restarts torhaus over another store.
func (w *world) over(store session.Store) {
	w.t.Helper()
	w.store = store
	w.restart()
}

// slowStore: whatever is asked of the store ends before ZITADEL gives up, after
// 5 s; a store that did not answer by then is said to have failed.
func slowStore(w *world) {
	b := w.device(firefox)
	token, real, uses := w.token(w.sid(b)), w.store, 0
	w.over(&hookedStore{real, func(ctx context.Context) error {
		if ends, ok := ctx.Deadline(); !ok || time.Until(ends) > 4*time.Second {
			w.t.Errorf("the store may be waited for until %v", ends)
		}
		if uses++; uses > 1 { // by then the token is noted
			return fmt.Errorf("%w: %w", session.ErrUnavailable, context.DeadlineExceeded)
		}
		return nil
	}})
	w.deliver(token).problem(w, http.StatusServiceUnavailable)
	if uses < 3 {
		w.t.Errorf("the store was used %d times: was the note taken back?", uses)
	}
	w.over(real)
	w.alone(map[string]*browser{"the one": b}, nil)
}

// brokenStoreAtDelivery: what could not be ended is no success, and the same
// token ends it when it comes again.
func brokenStoreAtDelivery(w *world) {
	b := w.device(firefox)
	token := w.token(w.sid(b))
	broken := &brokenStore{Store: w.store, broken: true}
	w.over(broken)
	w.deliver(token).problem(w, http.StatusServiceUnavailable)
	broken.broken = false
	w.deliver(token).done(w)
	w.alone(nil, map[string]*browser{"the one": b})
}

// manyForgeries: who sends tokens that are none is answered calmly, then told to
// stop; ZITADEL is hardly asked, the store not at all, and a good token from the
// same address is taken.
func manyForgeries(w *world) {
	b := w.device(firefox)
	sid := w.sid(b)
	w.deliver(w.token("1")).done(w) // warm
	real, uses := w.store, 0
	w.over(&hookedStore{real, func(context.Context) error { uses++; return nil }})
	w.zitadel.ResetCalls()
	statuses := map[int]int{}
	for range 10_000 / 20 {
		for _, garbage := range []string{"", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", strings.Repeat("A", 7000)} {
			statuses[w.deliver(garbage).status]++
		}
		token := w.token(sid)
		statuses[w.deliver(reheaded(token, `{"alg":"RS256","kid":"unknown","typ":"JWT"}`, true)).status]++
		statuses[w.deliver(token[:len(token)-8]+"AAAAAAAA").status]++
	}
	if statuses[400] < 60 || statuses[400] > 600 || statuses[429] < 2000 || len(statuses) != 2 {
		w.t.Errorf("answered %v", statuses)
	}
	if n := len(w.calls()); n > 4 {
		w.t.Errorf("ZITADEL was asked %d times: %v", n, w.calls())
	}
	if uses != 0 {
		w.t.Errorf("the store was used %d times", uses)
	}
	w.deliver(w.token(sid)).done(w)
	w.alone(nil, map[string]*browser{"the one": b})
}

// Whatever ends a ZITADEL session there ends what rests on it here, on every
// replica; and what we end ourselves comes back to us, which is no failure.
func TestTerminatedAtZitadel(t *testing.T) {
	w := newWorld(t)
	w.zitadel.EnableBackchannelLogout()
	other := w.twoReplicas()
	b, phone := w.device(firefox), w.device(iphone)
	w.zitadel.ResetCalls()
	w.must(w.client.DeleteSession(t.Context(), zitadelclient.SessionRef{ID: w.sid(b)}))
	w.zitadel.WaitForLogouts()
	w.told(revoked)
	other()
	w.alone(map[string]*browser{"phone": phone}, map[string]*browser{"laptop": b})
	if !strings.Contains(w.log(), `"security_event":"backchannel_logout"`) {
		t.Error("the log does not say so")
	}
	phone.open(w.auth + "/logout").fill(nil).at("/logout/done")
	w.zitadel.WaitForLogouts()
	for line := range strings.Lines(w.log()) {
		var entry struct {
			Route  string
			Status int
			Ended  *int
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Route == "/backchannel-logout" && entry.Status != http.StatusOK {
			t.Errorf("a delivery was answered %d", entry.Status)
		}
	}
	for _, secret := range []string{w.alice, "eyJ"} {
		if strings.Contains(w.log(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// ZITADEL does not tell of locks and new passwords; nothing here waits for it to.
func TestNoTokenWithoutTheFeature(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	w.must(w.client.DeleteSession(t.Context(), zitadelclient.SessionRef{ID: w.sid(b)}))
	w.zitadel.WaitForLogouts()
	w.alone(map[string]*browser{"the one": b}, nil)
}

// A key that the provider has just begun to use is no reason to refuse; and while
// its keys cannot be read, that is said, not that the token is bad.
func TestLogoutTokenByANewKey(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	w.deliver(w.token("1")).done(w)
	w.zitadel.RotateSigningKey()
	w.zitadel.Fault(zitadeltest.Fault{Path: "/oauth/v2/keys", Status: http.StatusServiceUnavailable})
	token := w.token(w.sid(b))
	w.deliver(token).problem(w, http.StatusServiceUnavailable)
	w.zitadel.ClearFaults()
	w.zitadel.Advance(61 * second) // an unknown key is asked for once a minute
	w.deliver(token).done(w)
	w.alone(nil, map[string]*browser{"the one": b})
}

// A browser is not who delivers: a page cannot make it send one.
func TestBackchannelIsNoBrowsers(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	token := w.token(w.sid(b))
	for _, header := range [][2]string{{"Origin", "https://evil.example.org"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", w.app}} {
		r := httptest.NewRequest(http.MethodPost, w.auth+"/backchannel-logout", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
		r.Header.Set("Content-Type", formType)
		r.Header.Set(header[0], header[1])
		recorder := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(recorder, r)
		if recorder.Code != http.StatusForbidden {
			t.Errorf("%v: %d", header, recorder.Code)
		}
	}
	w.alone(map[string]*browser{"the one": b}, nil)
}

// Two tabs sign the same user in, and the second one's ZITADEL session takes the
// place of the one that our session rests on. We end the old one, ZITADEL tells us
// that it ended, and nobody is signed out of the app.
func TestReplacedAtZitadel(t *testing.T) {
	w := newWorld(t)
	w.zitadel.EnableBackchannelLogout()
	b := newBrowser(t)
	ours, theirs := w.inTwoTabs(b)
	ours()
	before := w.sid(b)
	theirs()
	w.zitadel.WaitForLogouts()
	if !strings.Contains(w.log(), `"security_event":"backchannel_logout"`) || w.sid(b) == before {
		t.Fatal("the ZITADEL session was not replaced, so this test proves nothing")
	}
	w.alone(map[string]*browser{"laptop": b}, nil)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions", n)
	}
	// It rests on the new one now, and ends with it.
	w.must(w.client.DeleteSession(t.Context(), zitadelclient.SessionRef{ID: w.sid(b)}))
	w.zitadel.WaitForLogouts()
	w.alone(nil, map[string]*browser{"laptop": b})
}
