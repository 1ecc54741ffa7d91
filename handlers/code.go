package handlers

import "strings"

// cleanCode forgives how people type a code: spaces, dashes, lower case. What
// cannot be one of ZITADEL's codes comes back as "".
func cleanCode(typed string) string {
	code := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed)))
	if len(code) < 4 || len(code) > 32 {
		return ""
	}
	for _, r := range code {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return code
}
