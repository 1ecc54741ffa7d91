package handlers

import "strings"

// word is what is said of a browser whose description holds a mark.
type word struct{ mark, name string }

// The marks are tried in this order: most browsers also claim to be others.
var (
	browsers = []word{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}
	systems = []word{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// device names browser and system of a User-Agent for a person who looks for the
// one that is not theirs; "" where nothing is known by it. They are proper names,
// the same in every language. Whoever sent it may have lied.
func device(userAgent string) (browser, system string) {
	return firstWord(userAgent, browsers), firstWord(userAgent, systems)
}

func firstWord(userAgent string, words []word) string {
	for _, w := range words {
		if strings.Contains(userAgent, w.mark) {
			return w.name
		}
	}
	return ""
}
