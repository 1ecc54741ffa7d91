package zitadeltest

import (
	"net/mail"
	"strings"
)

// delivery says what becomes of a verification code: it is sent, by a template
// or the default one, or it is returned.
type delivery struct {
	SendCode *struct {
		URLTemplate *string `json:"urlTemplate"`
	} `json:"sendCode"`
	ReturnCode *struct{} `json:"returnCode"`
	IsVerified bool      `json:"isVerified"`
}

// template is the urlTemplate, "" for the default link.
func (d delivery) template() string {
	if d.SendCode == nil || d.SendCode.URLTemplate == nil {
		return ""
	}
	return *d.SendCode.URLTemplate
}

type humanRequest struct {
	Profile *profileRequest `json:"profile"`
	Email   *struct {
		Email string `json:"email"`
		delivery
	} `json:"email"`
	Phone *struct {
		Phone string `json:"phone"`
		delivery
	} `json:"phone"`
	Password *passwordRequest    `json:"password"`
	IDPLinks []identityLink      `json:"idpLinks"`
	Metadata []map[string]string `json:"metadata"`
}

type profileRequest struct {
	GivenName         string `json:"givenName"`
	FamilyName        string `json:"familyName"`
	NickName          string `json:"nickName"`
	DisplayName       string `json:"displayName"`
	PreferredLanguage string `json:"preferredLanguage"`
	Gender            string `json:"gender"`
}

type passwordRequest struct {
	Password       string `json:"password"`
	ChangeRequired bool   `json:"changeRequired"`
}

// addHumanUser is the older of the two creations, that of sign-up.
func (c *call) addHumanUser() (any, error) {
	var request struct {
		UserID       string `json:"userId"`
		Username     string `json:"username"`
		Organization *struct {
			OrgID     string `json:"orgId"`
			OrgDomain string `json:"orgDomain"`
		} `json:"organization"`
		humanRequest
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	org := ""
	if request.Organization != nil {
		org = firstOf(request.Organization.OrgID, c.organizationByDomain(request.Organization.OrgDomain))
	}
	u, codes, err := c.addHuman(humanSeed{"AddHumanUserRequest", request.Username, org, request.humanRequest})
	if err != nil {
		return nil, err
	}
	codes["userId"], codes["details"] = u.id, u.details()
	return compact(codes), nil
}

// createUser is the newer creation, of humans and machines.
func (c *call) createUser() (any, error) {
	var request struct {
		OrganizationID string        `json:"organizationId"`
		UserID         string        `json:"userId"`
		Username       string        `json:"username"`
		Human          *humanRequest `json:"human"`
		Machine        *struct {
			Name        string `json:"name"`
			Description string `json:"description"`
		} `json:"machine"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.Machine == nil && request.Human == nil {
		return nil, badRequest("invalid CreateUserRequest.UserType: value is required")
	}
	if request.Human != nil {
		u, codes, err := c.addHuman(humanSeed{"CreateUserRequest_Human", request.Username, request.OrganizationID, *request.Human})
		if err != nil {
			return nil, err
		}
		codes["id"], codes["creationDate"] = u.id, timestamp(u.created)
		return compact(codes), nil
	}
	org, err := c.creationOrganization(request.OrganizationID)
	if err != nil {
		return nil, err
	}
	if c.userNameTaken(request.Username, org) {
		return nil, errUserExists()
	}
	u := c.newUser(request.Username, org)
	u.machine = &machine{name: request.Machine.Name, description: request.Machine.Description}
	c.storeUser(u)
	return object{"id": u.id, "creationDate": timestamp(u.created)}, nil
}

func errUserExists() *apiError { return alreadyExists("V3-DKcYh", "User already exists") }

// humanSeed is what both creations come down to.
type humanSeed struct {
	message, userName, org string
	humanRequest
}

// validate is what the API checks before it looks at any state.
func (r humanSeed) validate() error {
	invalid := "invalid " + r.message + "."
	if r.Profile == nil {
		return badRequest(invalid + "Profile: value is required")
	}
	name := invalid + "Profile: embedded message failed validation | caused by: invalid SetHumanProfile."
	switch {
	case !lengthBetween(r.Profile.GivenName, 1, 200):
		return badRequest(name + "GivenName: value length must be between 1 and 200 runes, inclusive")
	case !lengthBetween(r.Profile.FamilyName, 1, 200):
		return badRequest(name + "FamilyName: value length must be between 1 and 200 runes, inclusive")
	case r.Email == nil:
		return badRequest(invalid + "Email: value is required")
	}
	if err := validateEmail(r.Email.Email); err != nil {
		return badRequest(invalid + "Email: embedded message failed validation | caused by: invalid SetHumanEmail.Email: " + err.Error())
	}
	if r.Password != nil && !lengthBetween(r.Password.Password, 1, 200) {
		return badRequest(invalid + "Password: embedded message failed validation | caused by: invalid Password.Password: value length must be between 1 and 200 runes, inclusive")
	}
	return checkTemplate(r.message, r.Email.delivery)
}

func validateEmail(address string) error {
	if _, err := mail.ParseAddress(address); err != nil {
		return badRequest("value must be a valid email address | caused by: " + err.Error())
	}
	return nil
}

// checkTemplate refuses a urlTemplate that is too long or does not parse.
func checkTemplate(message string, d delivery) error {
	if d.SendCode == nil || d.SendCode.URLTemplate == nil {
		return nil
	}
	if !lengthBetween(d.template(), 1, 200) {
		return badRequest("invalid " + message + ": embedded message failed validation | caused by: invalid UrlTemplate: value length must be between 1 and 200 runes, inclusive")
	}
	_, err := renderLink(d.template(), linkData{})
	return err
}

// addHuman creates a person and delivers the codes; those to return come back.
// The order of the refusals is the real server's: permission, password, name.
func (c *call) addHuman(r humanSeed) (*user, object, error) {
	if err := r.validate(); err != nil {
		return nil, nil, err
	}
	org, err := c.creationOrganization(r.org)
	if err != nil {
		return nil, nil, err
	}
	if r.Password != nil {
		if err := c.checkComplexity("COMMA", org, r.Password.Password); err != nil {
			return nil, nil, err
		}
	}
	userName := firstOf(r.userName, r.Email.Email)
	if c.userNameTaken(userName, org) {
		return nil, nil, errUserExists()
	}
	for _, link := range r.IDPLinks {
		if c.linked(link) != nil {
			return nil, nil, errIdentityTaken()
		}
	}
	u := c.newUser(userName, org)
	u.human = &human{email: r.Email.Email, emailVerified: r.Email.IsVerified, links: r.IDPLinks}
	u.human.setProfile(*r.Profile)
	if r.Password != nil {
		u.human.setPassword(r.Password.Password, r.Password.ChangeRequired, c.now())
	}
	for _, m := range r.Metadata {
		u.metadata = append(u.metadata, &metadatum{record: u.record, key: m["key"], value: m["value"]})
	}
	c.storeUser(u)
	codes := object{}
	if !r.Email.IsVerified {
		codes["emailCode"] = c.deliverEmailCode(u, r.Email.delivery)
	}
	if r.Phone != nil {
		u.human.phone, u.human.phoneVerified = r.Phone.Phone, r.Phone.IsVerified
		if !r.Phone.IsVerified {
			codes["phoneCode"] = c.deliverPhoneCode(u, r.Phone.delivery)
		}
	}
	return u, codes, nil
}

func (h *human) setProfile(p profileRequest) {
	h.givenName, h.familyName, h.nickName = p.GivenName, p.FamilyName, p.NickName
	h.displayName = firstOf(p.DisplayName, p.GivenName+" "+p.FamilyName)
	h.language, h.gender = p.PreferredLanguage, p.Gender
}

// creationOrganization is where a new user goes: the caller's organization
// unless one is named.
func (c *call) creationOrganization(org string) (string, error) {
	org = firstOf(org, c.request.Header.Get("x-zitadel-orgid"), c.caller.user.orgID)
	if c.organizations[org] == nil {
		return "", permissionDenied("AUTH-Bs7Ds", "Organisation doesn't exist")
	}
	return org, c.require(userWrite)
}

// userNameTaken looks in the whole instance where login names carry no suffix,
// else in the organization.
func (c *call) userNameTaken(name, org string) bool {
	suffixed := effective(c.Server, org, domainPolicy).value.LoginNameIncludesDomain
	for _, u := range c.users {
		if strings.EqualFold(u.userName, name) && (!suffixed || u.orgID == org) {
			return true
		}
	}
	return false
}
