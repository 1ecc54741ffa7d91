package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Where users are hidden, a link that somebody made up does not tell whether the
// name that they typed in this browser belongs to the id in it.
func TestMadeUpLinkTellsNoNameFromAnother(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	bob := w.addPerson()
	for _, link := range []string{"/password/set?code=WRONG1&userId=", "/verify?code=WRONG1&userId=", "/verify?code=WRONG1&invite=true&userId="} {
		var pages, refusals [2]seen
		for i, id := range []string{w.alice, bob} {
			w.zitadel.Advance(60 * minute) // this is not about limits
			b := newBrowser(t)
			b.open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).at("/password").fill(nil, "reset-button").at("/password/set")
			w.work()
			page := b.open(w.auth + link + id)
			pages[i] = w.seen(page, "alice")
			typed := map[string]string{}
			if strings.HasPrefix(link, "/password") {
				typed["password"] = another
			}
			refusals[i] = w.seen(page.fill(typed).with(http.StatusUnprocessableEntity), "alice")
		}
		if diff := cmp.Diff(pages[0], pages[1]); diff != "" {
			t.Errorf("%s: the page tells:\n%s", link, diff)
		}
		if diff := cmp.Diff(refusals[0], refusals[1]); diff != "" {
			t.Errorf("%s: the refusal tells:\n%s", link, diff)
		}
	}
}

// The link of the mail itself goes on with what was begun in the same browser, once
// its code was right.
func TestMailedLinkWhereUsersAreHidden(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		w := newWorld(t)
		w.hideUsers()
		b := newBrowser(t)
		w.atPassword(b).fill(nil, "reset-button").at("/password/set")
		b.open(w.zitadel.LastMail("alice@example.com").Link).at("/password/set").fill(map[string]string{"password": another}).at("/inbox")
	})
	t.Run("sign-up", func(t *testing.T) {
		w := newWorld(t)
		w.hideUsers()
		b := newBrowser(t)
		b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register").fill(map[string]string{
			"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on", "method": "password",
		}).at("/verify")
		b.open(w.zitadel.LastMail("nora@example.com").Link).at("/verify").fill(nil).at("/password/set").
			fill(map[string]string{"password": another}).at("/welcome")
	})
	t.Run("in another browser", func(t *testing.T) {
		w := newWorld(t)
		w.hideUsers()
		w.atPassword(newBrowser(t)).fill(nil, "reset-button").at("/password/set")
		there := newBrowser(t)
		there.open(w.zitadel.LastMail("alice@example.com").Link).fill(map[string]string{"password": another}).at("/loginname")
		if status, _ := w.session(there); status != http.StatusUnauthorized {
			t.Errorf("who read the mail was signed in: %d", status)
		}
	})
}
