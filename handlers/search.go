package handlers

import (
	"slices"
	"strings"
	"unicode/utf8"

	"torhaus/zitadelclient"
)

// findUser searches by everything that policy allows as a login name. A login
// name beats an e-mail address that somebody else also has; two users that
// match equally well are nobody.
func (v *visit) findUser(name string) (*zitadelclient.User, error) {
	query, err := v.userQuery(name)
	if err != nil {
		return nil, err
	}
	began := v.Now()
	found, err := v.Zitadel.SearchUsers(v.ctx, query)
	if err != nil {
		return nil, err
	}
	v.searchPace.saw(3 * v.Now().Sub(began))
	if user := called(query, found); user != nil {
		return user, nil
	}
	if len(found) == zitadelclient.MostUsersFound {
		// More have the address than can be looked through: none is who is meant by
		// it, but whoever has it for a login name may be behind them.
		query.Email, query.Phone = "", ""
		found, err = v.Zitadel.SearchUsers(v.ctx, query)
		return called(query, found), err
	}
	owner := addressee(query, found)
	if owner == nil {
		return nil, nil
	}
	return v.foundByAddress(*owner, query)
}

// userQuery is what a typed name may be. Of the organization that is asked for
// nobody need type the domain that its login names may end in.
func (v *visit) userQuery(name string) (zitadelclient.UserQuery, error) {
	settings := v.state.Settings
	query := zitadelclient.UserQuery{LoginName: name, OrganizationID: v.attempt.Organization}
	if !settings.DisableLoginWithEmail && strings.Contains(name, "@") {
		query.Email = name
	}
	if phone := phoneNumber(name); !settings.DisableLoginWithPhone && phone != "" {
		query.Phone = phone
	}
	if query.OrganizationID == "" || strings.Contains(name, "@") {
		return query, nil // nor may a user name that looks like somebody's address stand before its owner
	}
	asked, err := v.Zitadel.Organizations(v.ctx, zitadelclient.OrganizationQuery{ID: query.OrganizationID})
	if err != nil || len(asked) != 1 || asked[0].PrimaryDomain == "" {
		return query, err
	}
	if full := name + "@" + asked[0].PrimaryDomain; utf8.RuneCountInString(full) <= longestLoginName {
		query.FullLoginName = full
	}
	return query, nil
}

// called is the person who has a login name that was asked for. A user name alone is
// none where login names end in a domain: anybody could have the one of somebody else.
func called(query zitadelclient.UserQuery, found []zitadelclient.User) *zitadelclient.User {
	for _, name := range []string{query.LoginName, query.FullLoginName} {
		for _, u := range found {
			if u.Human && slices.ContainsFunc(u.LoginNames, func(own string) bool { return strings.EqualFold(own, name) }) {
				return &u
			}
		}
	}
	return nil
}

// addressee is the one person whose address or phone number was asked for. Of several
// who claim it, those count who have proven that it is theirs: else a stranger could
// keep its owner out by an account that says the same.
func addressee(query zitadelclient.UserQuery, found []zitadelclient.User) *zitadelclient.User {
	claim := slices.DeleteFunc(found, func(u zitadelclient.User) bool {
		return !u.Human || !hasEmail(u, query) && !hasPhone(u, query)
	})
	if len(claim) > 1 {
		claim = slices.DeleteFunc(claim, func(u zitadelclient.User) bool {
			return !(hasEmail(u, query) && u.EmailVerified) && !(hasPhone(u, query) && u.PhoneVerified)
		})
	}
	if len(claim) != 1 {
		return nil
	}
	return &claim[0]
}

func hasEmail(u zitadelclient.User, query zitadelclient.UserQuery) bool {
	return query.Email != "" && strings.EqualFold(u.Email, query.Email)
}

func hasPhone(u zitadelclient.User, query zitadelclient.UserQuery) bool {
	return query.Phone != "" && u.Phone == query.Phone
}

// foundByAddress is a user who was found by an e-mail address or a phone number, if
// their own organization lets them sign in by it: the search asked another's policy.
func (v *visit) foundByAddress(user zitadelclient.User, query zitadelclient.UserQuery) (*zitadelclient.User, error) {
	settings, err := v.Zitadel.LoginSettings(v.ctx, user.OrganizationID)
	if err != nil {
		return nil, err
	}
	byEmail := hasEmail(user, query) && !settings.DisableLoginWithEmail
	byPhone := hasPhone(user, query) && !settings.DisableLoginWithPhone
	if !byEmail && !byPhone {
		return nil, nil
	}
	return &user, nil
}

// phoneNumber is the E.164 form of what looks like one, the only form that
// ZITADEL finds; "" when it is none.
func phoneNumber(name string) string {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "").Replace(name)
	rest, plus := strings.CutPrefix(digits, "+")
	if !plus || len(rest) < 7 || len(rest) > 15 || strings.Trim(rest, "0123456789") != "" {
		return ""
	}
	return digits
}
