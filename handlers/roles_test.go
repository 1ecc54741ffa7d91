package handlers_test

import (
	"fmt"
	"net/http"
	"testing"
)

// More roles than a session holds are refused, and none is left out in silence: an app
// would see somebody with less than they have. Fewer are kept, all of them.
func TestMoreRolesThanASessionHolds(t *testing.T) {
	for count, status := range map[int]int{1_000: http.StatusOK, 3_000: http.StatusForbidden, 10_000: http.StatusServiceUnavailable} {
		w := newWorld(t, askingForRoles)
		roles := make([]string, count)
		for i := range roles {
			roles[i] = fmt.Sprint("role-", i)
		}
		w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", roles...)
		page := w.atAppAs("alice").typePassword(password).with(status)
		signedIn, answer := w.session(page.b)
		switch status {
		case http.StatusOK:
			if got := texts(answer["roles"]); len(got) != count {
				t.Errorf("%d roles of %d", len(got), count)
			}
			continue
		case http.StatusForbidden:
			page.saying("too many roles")
		default: // ZITADEL's answer alone is larger than any may be
		}
		w.isLogged(page)
		w.settle()
		if signedIn != http.StatusUnauthorized || w.zitadel.RefreshTokens(w.alice) != 0 && status == http.StatusForbidden {
			t.Errorf("%d roles: GET /session: %d, %d refresh tokens", count, signedIn, w.zitadel.RefreshTokens(w.alice))
		}
	}
}
