package web

import (
	"net/url"
)

// Entry is the absolute address of a page of ours where a sign-in begins, for a
// browser that is elsewhere: what stands in front of an app passes our answer on,
// and a path would lead into the app.
type Entry struct{ redirectURL }

// Entry returns the address of such a page. back is where the sign-in returns to;
// the zero ReturnTo leaves that to whoever follows. demands are what is asked of
// the sign-in, and hold no secret: an address is remembered and logged.
func (b BasePath) Entry(public Origin, path string, back ReturnTo, demands url.Values) Entry {
	query := url.Values{}
	for name, values := range demands {
		query[name] = values
	}
	if back != (ReturnTo{}) {
		query.Set("return_to", back.String())
	}
	text := public.text + b.Page(path, "").String()
	if len(query) > 0 {
		text += "?" + query.Encode()
	}
	return Entry{redirectURL{public.Origin(), text}}
}
