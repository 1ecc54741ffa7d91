package zitadeltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fixtureRedirects are where the recorder's applications live.
var (
	fixtureRedirects = []string{"http://auth.example.localhost:8400/callback", "http://app.example.localhost:8500/callback"}
	fixtureLogouts   = []string{"http://auth.example.localhost:8400/logged-out", "http://app.example.localhost:8500/"}
)

// WriteFixtures seeds what the recorder expects of a ZITADEL and writes the
// files it reads: keys/ with key files and tokens, state.json with ids. The
// server wants [Config.Fixtures], or the recorder's administrator calls fail.
func (s *Server) WriteFixtures(dir string) error {
	keys := filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return fmt.Errorf("write fixtures: %w", err)
	}
	state, files := object{}, map[string][]byte{}
	s.seedServiceUsers(state, files)
	s.seedUsers(state)
	s.seedApps(state, files)
	s.seedIdentityProviders(state)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(keys, name), files[name], 0o600); err != nil {
			return fmt.Errorf("write fixtures: %w", err)
		}
	}
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return fmt.Errorf("write fixtures: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.json"), text, 0o600); err != nil {
		return fmt.Errorf("write fixtures: %w", err)
	}
	return nil
}

func (s *Server) seedServiceUsers(state object, files map[string][]byte) {
	for _, seed := range []struct {
		name  string
		roles []string
	}{
		{"admin-sa", []string{"IAM_OWNER"}}, {"login-bff", []string{"IAM_LOGIN_CLIENT"}},
		{"user-manager-sa", []string{"IAM_USER_MANAGER"}}, {"nobody-sa", nil},
	} {
		made := s.AddServiceUser(seed.name, seed.roles...)
		state[seed.name], files[seed.name+".json"] = made.ID, made.KeyFile
		s.users[made.ID].machine.secret = "" // the recorded ones have keys alone
		if seed.name == "admin-sa" {
			files["admin-sa.pat"] = []byte(made.PAT)
		}
	}
	files["login-client.pat"] = []byte(s.AddServiceUser("login-client", "IAM_LOGIN_CLIENT").PAT)
}

func (s *Server) seedUsers(state object) {
	state["org"] = s.DefaultOrganization()
	for _, seed := range []UserSeed{
		{UserName: "alice", GivenName: "Alice", FamilyName: "Example"},
		{UserName: "bob", GivenName: "Bob", FamilyName: "Builder"},
		{UserName: "admin", GivenName: "Ada", FamilyName: "Administrator"},
	} {
		seed.Email, seed.EmailVerified, seed.Password = seed.UserName+"@example.com", true, "Password1!"
		state[seed.UserName] = s.AddUser(seed)
	}
	lockout := s.AddOrganization("Lockout")
	s.SetLockout(lockout, func(l *Lockout) { *l = Lockout{MaxPasswordAttempts: 3, MaxOTPAttempts: 3} })
	state["lockout_org"] = lockout
}

func (s *Server) seedApps(state object, files map[string][]byte) {
	for key, seed := range map[string]AppSeed{
		"app_pkce":   {Name: "web-pkce", IDTokenUserinfo: true},
		"app_basic":  {Name: "web-basic", AuthMethod: "BASIC", IDTokenUserinfo: true},
		"app_post":   {Name: "web-post", AuthMethod: "POST", IDTokenUserinfo: true},
		"app_pkjwt":  {Name: "web-pkjwt", AuthMethod: "PRIVATE_KEY_JWT", IDTokenUserinfo: true},
		"app_jwtat":  {Name: "web-jwt-access-token", JWTAccessToken: true, IDTokenUserinfo: true},
		"app_device": {Name: "device", IDTokenUserinfo: true},
		"app_api":    {Name: "api", API: true, AuthMethod: "BASIC"},
	} {
		seed.RedirectURIs, seed.PostLogoutRedirectURIs = fixtureRedirects, fixtureLogouts
		made := s.AddApp(seed)
		state[key] = object{"appId": made.AppID, "clientId": made.ClientID, "clientSecret": made.ClientSecret}
		state["project"] = made.ProjectID
		if made.KeyFile != nil {
			files[seed.Name+".json"] = made.KeyFile
		}
	}
}

// seedIdentityProviders sets up the recorder's providers: its own OpenID provider,
// an LDAP server, and one that is dead and was never switched on.
func (s *Server) seedIdentityProviders(state object) {
	for name, seed := range map[string]ProviderSeed{
		"idp_oidc": {Name: "Fake OIDC", URL: "http://127.0.0.1:8399", AutoUpdate: true},
		"idp_ldap": {Name: "Fake LDAP", Type: "LDAP"},
		"idp_dead": {Name: "Dead LDAP", Type: "LDAP"},
	} {
		state[name] = s.AddIdentityProvider(seed)
	}
	s.DeactivateIdentityProvider(state["idp_dead"].(string))
	slices.SortFunc(s.providers, func(a, b *identityProvider) int { return strings.Compare(b.seed.Name, a.seed.Name) })
}
