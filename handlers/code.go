package handlers

import "strings"

// longestCode is more than any code of ZITADEL's, and what its client sends.
const longestCode = 20

// cleanCode forgives how people type a code: spaces, dashes, lower case. What
// cannot be one of ZITADEL's codes comes back as "".
func cleanCode(typed string) string {
	code := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed)))
	if len(code) < 4 || len(code) > longestCode {
		return ""
	}
	for _, r := range code {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return code
}
