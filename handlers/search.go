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
	found, err := v.Zitadel.SearchUsers(v.ctx, query)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(u zitadelclient.User) bool { return !u.Human })
	for _, login := range []string{query.LoginName, query.FullLoginName} {
		if user := called(login, found); user != nil {
			return user, nil
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	return v.foundByAddress(found[0], query)
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
		return query, nil
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

// called is who has a login name, of those who were found. A user name alone is none
// where login names end in a domain: anybody could have the one of somebody else.
func called(name string, found []zitadelclient.User) *zitadelclient.User {
	for _, u := range found {
		if slices.ContainsFunc(u.LoginNames, func(own string) bool { return strings.EqualFold(own, name) }) {
			return &u
		}
	}
	return nil
}

// foundByAddress is a user who was found by an e-mail address or a phone number, if
// their own organization lets them sign in by it: the search asked another's policy.
func (v *visit) foundByAddress(user zitadelclient.User, query zitadelclient.UserQuery) (*zitadelclient.User, error) {
	settings, err := v.Zitadel.LoginSettings(v.ctx, user.OrganizationID)
	if err != nil {
		return nil, err
	}
	byEmail := query.Email != "" && !settings.DisableLoginWithEmail && strings.EqualFold(user.Email, query.Email)
	byPhone := query.Phone != "" && !settings.DisableLoginWithPhone && user.Phone == query.Phone
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
