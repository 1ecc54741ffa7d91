package zitadeltest

import (
	"crypto/md5"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
)

// hostedLoginKeys are the names of the texts of the hosted login. The texts
// themselves are not ours: here a text is its locale and its name.
//
//go:embed hosted_login_keys.txt
var hostedLoginKeys string

// translationLevel is what texts can be set for: "" is the instance, else an organization.
type translationLevel struct{ organization, locale string }

// getTranslation shows the texts of the hosted login at a level: its own, over
// those of the levels above unless inheritance is ignored.
func (c *call) getTranslation() (any, error) {
	query := c.request.URL.Query()
	locale, organization := query.Get("locale"), query.Get("organizationId")
	instance, system := query.Get("instance") == "true", query.Get("system") == "true"
	switch {
	case locale != "" && !lengthBetween(locale, 2, 20):
		return nil, badRequest("invalid GetHostedLoginTranslationRequest.Locale: value length must be at least 2 runes")
	case organization == "" && !instance && !system:
		return nil, invalidArgument("QUERY-YB6Sri", "Errors.Arguments.Level.Invalid")
	}
	base, _, _ := strings.Cut(locale, "-")
	own := map[string]any{}
	if !system {
		own = c.translations[translationLevel{organization, base}]
	}
	if query.Get("ignoreInheritance") == "true" {
		body := object{"translations": firstMap(own)}
		if len(own) > 0 {
			body["etag"] = etagOf(own)
		}
		return body, nil
	}
	texts := hostedLoginTexts(base)
	body := object{"etag": etagOf(texts)}
	if organization != "" {
		mergeTexts(texts, c.translations[translationLevel{"", base}])
	}
	if len(own) > 0 {
		mergeTexts(texts, own)
		body["etag"] = etagOf(own)
	}
	body["translations"] = texts
	return body, nil
}

// putTranslation sets the texts of a level. The login client may not.
func (c *call) putTranslation() (any, error) {
	var request struct {
		Instance       bool           `json:"instance"`
		OrganizationID string         `json:"organizationId"`
		Locale         string         `json:"locale"`
		Translations   map[string]any `json:"translations"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if !c.caller.may(administration) {
		return nil, permissionDenied("AUTH-5mWD2", "No matching permissions found")
	}
	c.translations[translationLevel{request.OrganizationID, request.Locale}] = request.Translations
	return object{"etag": etagOf(request.Translations)}, nil
}

// hostedLoginTexts are those of the system. A locale that it does not speak is English.
func hostedLoginTexts(locale string) map[string]any {
	if locale != "de" {
		locale = "en"
	}
	texts := map[string]any{}
	for key := range strings.FieldsSeq(hostedLoginKeys) {
		at, names := texts, strings.Split(key, ".")
		for _, name := range names[:len(names)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		at[names[len(names)-1]] = locale + " " + key
	}
	return texts
}

// mergeTexts lays own texts over others.
func mergeTexts(texts, own map[string]any) {
	for name, value := range own {
		below, isObject := value.(map[string]any)
		under, wasObject := texts[name].(map[string]any)
		if isObject && wasObject {
			mergeTexts(under, below)
			continue
		}
		texts[name] = value
	}
}

// firstMap is a map that is never null in JSON.
func firstMap(m map[string]any) map[string]any {
	shown := map[string]any{}
	maps.Copy(shown, m)
	return shown
}

func etagOf(texts map[string]any) string {
	raw, _ := json.Marshal(texts) // keys come sorted
	sum := md5.Sum(raw)
	return hex.EncodeToString(sum[:])
}
