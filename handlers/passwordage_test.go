package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

const day = 24 * time.Hour

// aging is alice at an organization that wants a new password every ninety days
// and has people told a week ahead.
func aging(t *testing.T, old time.Duration) *world {
	t.Helper()
	w := newWorld(t)
	w.zitadel.SetPasswordExpiry("", func(e *zitadeltest.PasswordExpiry) { e.MaxAgeDays, e.ExpireWarnDays = 90, 7 })
	w.zitadel.Advance(old)
	return w
}

func TestPasswordExpired(t *testing.T) {
	w := aging(t, 91*day)
	page := w.atAppAs("alice").typePassword(password).at("/password/change").saying("has expired")
	if page.testid("reset-button") != nil {
		t.Error("what is demanded may be put off")
	}
	method, action, form := page.form(nil)
	form.Set("action", "skip") // a button that is not there
	page = page.b.navigate(method, action, form).at("/password/change")
	page.fill(map[string]string{"current": password, "password": "Another1!"}).at("/inbox")
}

// Whoever is warned may go on with the password they have, at this sign-in, and
// is warned again at the next.
func TestPasswordExpiresSoon(t *testing.T) {
	w := aging(t, 85*day)
	page := w.atAppAs("alice").typePassword(password).at("/password/change").saying("expires in 4 days")
	page.fill(nil, "reset-button").at("/inbox")
	page = w.atAppAs("alice").typePassword(password).at("/password/change")
	page.fill(map[string]string{"current": "wrong", "password": "Another1!"}).with(http.StatusUnprocessableEntity).
		fill(map[string]string{"current": password, "password": "Another1!"}).at("/inbox")
	w.atAppAs("alice").typePassword("Another1!").at("/inbox")
}

// A warning is no reason to stop somebody who types nothing.
func TestPasswordExpiresSoonAtSingleSignOn(t *testing.T) {
	w := aging(t, 85*day)
	page := w.atAppAs("alice").typePassword(password).at("/password/change")
	page.fill(nil, "reset-button").at("/inbox")
	for _, extra := range []string{"", "&prompt=none"} {
		if hop := page.b.open(w.authorizeURL(extra)).at("/cb").url.Query(); hop.Get("code") == "" {
			t.Errorf("single sign-on with %q ended with %v", extra, hop)
		}
	}
}
