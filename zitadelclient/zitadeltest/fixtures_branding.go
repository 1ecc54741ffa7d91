package zitadeltest

import (
	"io"
	"net/http"
	"strings"
)

// brandingRoutes are the administrator's side of branding: changes are drafts
// until they are activated, images are uploads.
func (s *Server) brandingRoutes() []route {
	const label = "/admin/v1/policies/label"
	rows := []route{
		{pattern: "GET " + label, api: (*call).getLabelPolicy},
		{pattern: "PUT " + label, api: (*call).putLabelPolicy},
		{pattern: "POST " + label + "/_activate", api: (*call).activateLabelPolicy},
		{pattern: "DELETE " + label + "/{part}", api: (*call).removeLabelImage},
	}
	for i := range rows {
		rows[i].api = administrating(rows[i])
	}
	return append(rows,
		route{pattern: "POST /assets/v1/instance/policy/label/{part...}", raw: s.uploadLabelImage},
		route{pattern: "GET /assets/v1/{owner}/policy/label/{name}", raw: s.serveLabelImage},
	)
}

// brandingDraft is what the administrator changed and did not activate yet.
type brandingDraft struct {
	record
	value  Branding
	images map[string][]byte // by the last part of their URL
}

// draft is the one draft, which begins as what is active.
func (s *Server) draft() *brandingDraft {
	if s.branding == nil {
		active := effective(s, "", brandingPolicy)
		s.branding = &brandingDraft{record: active.record, value: active.value, images: map[string][]byte{}}
	}
	return s.branding
}

func (c *call) getLabelPolicy() (any, error) {
	d := c.draft()
	shown := compact(object{
		"primaryColor": d.value.Light.PrimaryColor, "backgroundColor": d.value.Light.BackgroundColor,
		"warnColor": d.value.Light.WarnColor, "fontColor": d.value.Light.FontColor,
		"primaryColorDark": d.value.Dark.PrimaryColor, "backgroundColorDark": d.value.Dark.BackgroundColor,
		"warnColorDark": d.value.Dark.WarnColor, "fontColorDark": d.value.Dark.FontColor,
		"hideLoginNameSuffix": d.value.HideLoginNameSuffix, "disableWatermark": d.value.DisableWatermark, "themeMode": d.value.ThemeMode,
	})
	shown["details"] = d.readDetails()
	return object{"policy": shown}, nil
}

func (c *call) putLabelPolicy() (any, error) {
	var request struct {
		PrimaryColor        string `json:"primaryColor"`
		BackgroundColor     string `json:"backgroundColor"`
		WarnColor           string `json:"warnColor"`
		FontColor           string `json:"fontColor"`
		PrimaryColorDark    string `json:"primaryColorDark"`
		BackgroundColorDark string `json:"backgroundColorDark"`
		WarnColorDark       string `json:"warnColorDark"`
		FontColorDark       string `json:"fontColorDark"`
		HideLoginNameSuffix bool   `json:"hideLoginNameSuffix"`
		DisableWatermark    bool   `json:"disableWatermark"`
		ThemeMode           string `json:"themeMode"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	d := c.draft()
	d.value.Light = Theme{
		request.PrimaryColor, request.BackgroundColor, request.WarnColor, request.FontColor, d.value.Light.LogoURL, d.value.Light.IconURL,
	}
	d.value.Dark = Theme{
		request.PrimaryColorDark, request.BackgroundColorDark, request.WarnColorDark, request.FontColorDark,
		d.value.Dark.LogoURL, d.value.Dark.IconURL,
	}
	d.value.HideLoginNameSuffix, d.value.DisableWatermark, d.value.ThemeMode = request.HideLoginNameSuffix, request.DisableWatermark, request.ThemeMode
	c.touch(&d.record)
	return object{"details": d.details()}, nil
}

func (c *call) activateLabelPolicy() (any, error) {
	d := c.draft()
	p := change(c.Server, "", brandingPolicy, func(b *Branding) { *b = d.value })
	return object{"details": p.details()}, nil
}

// image is the place of an uploaded image's URL, nil for a part that is unknown.
func (b *Branding) image(part string) *string {
	switch strings.ReplaceAll(part, "_", "/") {
	case "logo":
		return &b.Light.LogoURL
	case "logo/dark":
		return &b.Dark.LogoURL
	case "icon":
		return &b.Light.IconURL
	case "icon/dark":
		return &b.Dark.IconURL
	}
	return nil
}

func (c *call) removeLabelImage() (any, error) {
	d := c.draft()
	at := d.value.image(c.request.PathValue("part"))
	if at == nil {
		return nil, badRequest("no such image")
	}
	*at = ""
	c.touch(&d.record)
	return object{"details": d.details()}, nil
}

// uploadLabelImage takes a multipart form; its answer has no body.
func (s *Server) uploadLabelImage(w http.ResponseWriter, r *http.Request) {
	who, err := s.authenticate(r)
	if err == nil && !who.may(administration) {
		err = permissionDenied("AUTH-AWfge", "No matching permissions found")
	}
	if err != nil {
		s.writeError(w, err)
		return
	}
	d, part := s.draft(), r.PathValue("part")
	at := d.value.image(part)
	file, _, err := r.FormFile("file")
	if err != nil || at == nil {
		http.Error(w, "no file, or no such image", http.StatusBadRequest)
		return
	}
	defer file.Close()
	image, err := io.ReadAll(file)
	if err != nil {
		http.Error(w, "no file", http.StatusBadRequest)
		return
	}
	name := strings.ReplaceAll(part, "/", "-") + "-" + s.newID()
	d.images[name] = image
	*at = s.config.Issuer + "/assets/v1/" + s.instanceID + "/policy/label/" + name
	s.touch(&d.record)
	w.WriteHeader(http.StatusOK)
}

// serveLabelImage serves an upload to anybody.
func (s *Server) serveLabelImage(w http.ResponseWriter, r *http.Request) {
	image, ok := s.draft().images[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(image)
}
