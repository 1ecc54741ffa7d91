package zitadelclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	ourOrigin = "http://auth.example.localhost:8400"
	asked     = "OYqiOgxW0eg85wejpJByHA0Dmhjm9xWvQ1V61nIecAA"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// assertion is a credential whose members a test may change; nil leaves one out.
func assertion(clientData string, changes map[string]any) json.RawMessage {
	response := map[string]any{
		"authenticatorData": b64("authenticator data"), "clientDataJSON": b64(clientData), "signature": b64("signature"), "userHandle": b64("1"),
	}
	members := map[string]any{"id": b64("key"), "rawId": b64("key"), "type": "public-key", "response": response}
	for name, value := range changes {
		of := members
		if below, ok := strings.CutPrefix(name, "response."); ok {
			of, name = response, below
		}
		if of[name] = value; value == nil {
			delete(of, name)
		}
	}
	encoded, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return encoded
}

func clientData(changes map[string]any) string {
	members := map[string]any{"type": "webauthn.get", "challenge": asked, "origin": ourOrigin, "crossOrigin": false}
	maps.Copy(members, changes)
	encoded, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// A browser offers what it keeps under our RP ID, asked for or not. Which key
// answered, and whose it says it is, is told without believing it.
func TestKeyThatWasNotAskedFor(t *testing.T) {
	assertion := madeIn(t, "416-session-webauthn-ok")
	id, userID := KeyOf(assertion)
	if id == "" || userID == "" {
		t.Fatalf("KeyOf = %q, %q", id, userID)
	}
	want := ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: asked}
	for _, test := range []struct {
		keys []string
		kind Kind
	}{{nil, ""}, {[]string{"other", id}, ""}, {[]string{"other"}, CredentialUnknown}} {
		want.Keys = test.keys
		if err := CheckClientData(assertion, want); test.kind == "" && err != nil || test.kind != "" && !errors.Is(err, test.kind) {
			t.Errorf("keys %q: %v, want %q", test.keys, err, test.kind)
		}
	}
	if id, userID := KeyOf([]byte(`{"id":"x"}`)); id != "" || userID != "" {
		t.Errorf("KeyOf garbage = %q, %q", id, userID)
	}
}

// What real keys made passes where it was made, and nowhere else: ZITADEL took
// the ones of foreign origins.
func TestCheckClientDataOfRecordings(t *testing.T) {
	const registered = "h__aYhjb6FqzeI91Osfn-Ebd6lVWPwvxYoR8mMPhZQ4"
	for _, test := range []struct {
		recording string
		want      ClientData
		ok        bool
	}{
		{"416-session-webauthn-ok", ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: asked}, true},
		{"429-session-u2f-ok", ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: "Vls55ey1iBy9kwxzWMmJE1yv_8W-VReeRuCQw4Ysggs"}, true},
		{"410-passkey-verify-ok", ClientData{Type: "webauthn.create", Origin: ourOrigin, Challenge: registered}, true},
		{"407-passkey-verify-wrong-challenge", ClientData{Type: "webauthn.create", Origin: ourOrigin, Challenge: registered}, false},
		{"408-passkey-verify-garbled", ClientData{Type: "webauthn.create", Origin: ourOrigin, Challenge: registered}, false},
		{"410-passkey-verify-ok", ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: registered}, false},
		{"416-session-webauthn-ok", ClientData{Type: "webauthn.create", Origin: ourOrigin, Challenge: asked}, false},
		{"416-session-webauthn-ok", ClientData{Type: "webauthn.get", Origin: "https://auth.example.localhost:8400", Challenge: asked}, false},
		{"632-session-webauthn-unrelated-origin", ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: "0oi88Xp4OjmSY0CXHjTpFF_DPgNcRhay2ZSB5-SOOkk"}, false},
		{"630-passkey-unrelated-origin-verify", ClientData{Type: "webauthn.create", Origin: ourOrigin, Challenge: "3OHEW0uVJl7LrgKPhwTNpLgo198FNuoV9-OsmEkta2E"}, false},
		{"630-passkey-unrelated-origin-verify", ClientData{Type: "webauthn.create", Origin: "http://attacker.test", Challenge: "3OHEW0uVJl7LrgKPhwTNpLgo198FNuoV9-OsmEkta2E"}, true},
	} {
		err := CheckClientData(madeIn(t, test.recording), test.want)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, CredentialRefused) {
			t.Errorf("%s for %+v: %v", test.recording, test.want, err)
		}
	}
}

// The client data that a neighbour's page, a frame or a forger would send.
func TestHostileClientData(t *testing.T) {
	want := ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: asked}
	good := clientData(nil)
	member := func(name string, value any) string { return clientData(map[string]any{name: value}) }
	for _, test := range []struct {
		name, data string
		ok         bool
	}{
		{"as browsers make it", `{"type":"webauthn.get","challenge":"` + asked + `","origin":"` + ourOrigin + `","crossOrigin":false,"other_keys_can_be_added_here":"do not compare"}`, true},
		{"before cross-origin ceremonies", `{"type":"webauthn.get","challenge":"` + asked + `","origin":"` + ourOrigin + `"}`, true},
		{"spaces and another order", ` { "origin" : "` + ourOrigin + `" , "crossOrigin" : false , "challenge" : "` + asked + `" , "type" : "webauthn.get" } `, true},

		{"neighbour", member("origin", "http://evil.example.localhost:8400"), false},
		{"parent", member("origin", "http://example.localhost:8400"), false},
		{"child", member("origin", "http://x.auth.example.localhost:8400"), false},
		{"other port", member("origin", "http://auth.example.localhost:8401"), false},
		{"no port", member("origin", "http://auth.example.localhost"), false},
		{"other scheme", member("origin", "https://auth.example.localhost:8400"), false},
		{"slash at the end", member("origin", ourOrigin+"/"), false},
		{"path", member("origin", ourOrigin+"/login"), false},
		{"upper case", member("origin", "http://AUTH.example.localhost:8400"), false},
		{"dot at the end of the host", member("origin", "http://auth.example.localhost.:8400"), false},
		{"our origin as prefix", member("origin", ourOrigin+".evil.test"), false},
		{"our origin as user", member("origin", "http://auth.example.localhost:8400@evil.test"), false},
		{"control character", member("origin", ourOrigin+"\x00"), false},
		{"space", member("origin", " "+ourOrigin), false},
		{"app", member("origin", "android:apk-key-hash:AAAA"), false},
		{"opaque", member("origin", "null"), false},
		{"null", member("origin", nil), false},
		{"list", member("origin", []string{ourOrigin}), false},
		{"no origin", `{"type":"webauthn.get","challenge":"` + asked + `","crossOrigin":false}`, false},
		{"origin under another name only", strings.Replace(good, `"origin"`, `"Origin"`, 1), false},

		{"origin twice", strings.Replace(good, `"origin"`, `"origin":"http://evil.test","origin"`, 1), false},
		{"origin twice, ours first", strings.TrimSuffix(good, "}") + `,"origin":"http://evil.test"}`, false},
		{"origin twice by case", strings.TrimSuffix(good, "}") + `,"ORIGIN":"http://evil.test"}`, false},
		{"origin twice by escape", strings.TrimSuffix(good, "}") + `,"\u006frigin":"http://evil.test"}`, false},
		{"challenge twice by case", strings.TrimSuffix(good, "}") + `,"Challenge":"AAAA"}`, false},
		{"type twice", strings.TrimSuffix(good, "}") + `,"type":"webauthn.create"}`, false},
		{"crossOrigin twice", strings.TrimSuffix(good, "}") + `,"crossOrigin":true}`, false},
		{"crossOrigin twice by long s", strings.TrimSuffix(good, "}") + `,"cro` + "\u017f" + `sOrigin":true}`, false},

		{"registration", member("type", "webauthn.create"), false},
		{"payment", member("type", "payment.get"), false},
		{"type in upper case", member("type", "WEBAUTHN.GET"), false},
		{"U2F type", member("type", "navigator.id.getAssertion"), false},
		{"no type", member("type", nil), false},

		{"other challenge", member("challenge", "T"+asked[1:]), false},
		{"challenge cut short", member("challenge", asked[:20]), false},
		{"challenge padded", member("challenge", asked+"="), false},
		{"challenge twice encoded", member("challenge", b64(asked)), false},
		{"empty challenge", member("challenge", ""), false},
		{"challenge as number", member("challenge", 1), false},

		{"frame of another site", member("crossOrigin", true), false},
		{"crossOrigin null", member("crossOrigin", nil), false},
		{"crossOrigin as string", member("crossOrigin", "false"), false},
		{"crossOrigin as number", member("crossOrigin", 0), false},
		{"topOrigin", member("topOrigin", "http://evil.test"), false},
		{"topOrigin, ours", member("topOrigin", ourOrigin), false},
		{"topOrigin null", member("topOrigin", nil), false},

		{"trailing object", good + good, false},
		{"trailing bracket", good + "}", false},
		{"trailing NUL", good + "\x00", false},
		{"cut off", good[:len(good)-1], false},
		{"byte order mark", "\ufeff" + good, false},
		{"invalid UTF-8", strings.Replace(good, "}", ",\"x\":\"\xff\"}", 1), false},
		{"invalid UTF-8 in a name", strings.Replace(good, "}", ",\"\xff\":1}", 1), false},
		{"list around it", "[" + good + "]", false},
		{"string around it", `"` + b64(good) + `"`, false},
		{"comment", "/**/" + good, false},
		{"single quotes", strings.ReplaceAll(good, `"`, `'`), false},
		{"nothing", "", false},
		{"null object", "null", false},
		{"deep", strings.Replace(good, "}", `,"x":`+strings.Repeat("[", 11000)+strings.Repeat("]", 11000)+"}", 1), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := CheckClientData(assertion(test.data, nil), want)
			switch {
			case test.ok && err != nil:
				t.Error(err)
			case !test.ok && !errors.Is(err, CredentialRefused):
				t.Errorf("got %v", err)
			case err != nil && strings.Contains(err.Error(), "evil"):
				t.Errorf("the error quotes the visitor: %v", err)
			}
		})
	}
}

// Nothing passes where this side has nothing to compare with.
func TestCheckClientDataWantsAnExpectation(t *testing.T) {
	for _, want := range []ClientData{
		{}, {Type: "webauthn.get", Challenge: asked}, {Type: "webauthn.get", Origin: ourOrigin},
		{Origin: ourOrigin, Challenge: asked}, {Type: "payment.get", Origin: ourOrigin, Challenge: asked},
	} {
		data := clientData(map[string]any{"type": want.Type, "origin": want.Origin, "challenge": want.Challenge})
		if err := CheckClientData(assertion(data, nil), want); !errors.Is(err, CredentialRefused) {
			t.Errorf("%+v: %v", want, err)
		}
	}
}

// A credential is what the specification says, or nothing.
func TestHostileCredentials(t *testing.T) {
	want := ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: asked}
	good := string(assertion(clientData(nil), nil))
	changed := func(name string, value any) string {
		return string(assertion(clientData(nil), map[string]any{name: value}))
	}
	for _, test := range []struct {
		name, credential string
		ok               bool
	}{
		{"good", good, true},
		{"no user handle", changed("response.userHandle", nil), true},
		{"user handle null", strings.Replace(good, `"`+b64("1")+`"`, "null", 1), true},
		{"extensions", changed("clientExtensionResults", map[string]any{"appid": true}), true},

		{"no id", changed("id", nil), false},
		{"no rawId", changed("rawId", nil), false},
		{"ids differ", changed("rawId", b64("other")), false},
		{"other type", changed("type", "password"), false},
		{"no response", changed("response", nil), false},
		{"response as string", changed("response", "x"), false},
		{"no signature", changed("response.signature", nil), false},
		{"empty signature", changed("response.signature", ""), false},
		{"no authenticator data", changed("response.authenticatorData", nil), false},
		{"no client data", changed("response.clientDataJSON", nil), false},
		{"signature padded", changed("response.signature", b64("signature")+"="), false},
		{"standard base64", changed("response.signature", "+/+/"), false},
		{"line break in base64", changed("response.signature", b64("sig")+"\n"), false},
		{"bits left over", changed("response.signature", "AB"), false},
		{"list of bytes", changed("response.signature", []int{1, 2}), false},
		{"user handle as number", changed("response.userHandle", 1), false},
		{"client data twice", strings.Replace(good, `"clientDataJSON"`, `"clientDataJSON":"e30","clientDataJSON"`, 1), false},
		{"client data twice by case", strings.Replace(good, `"clientDataJSON"`, `"clientDataJson":"e30","clientDataJSON"`, 1), false},
		{"response twice", strings.Replace(good, `"response"`, `"Response":{},"response"`, 1), false},
		{"trailing", good + "x", false},
		{"two", good + good, false},
		{"too large", changed("response.signature", strings.Repeat("A", maxCredential)), false},
		{"list", "[" + good + "]", false},
		{"null", "null", false},
		{"nothing", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := CheckClientData(json.RawMessage(test.credential), want)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, CredentialRefused) {
				t.Errorf("got %v", err)
			}
			// What the check refuses for its form is not sent to ZITADEL either.
			if _, err := (Checks{WebAuthN: json.RawMessage(test.credential)}).body("test"); (err == nil) != test.ok {
				t.Errorf("as a check: %v", err)
			}
		})
	}
}

// Of a credential only what ZITADEL needs is sent, whatever else came.
func TestCredentialIsMadeAnew(t *testing.T) {
	given := assertion(clientData(nil), map[string]any{
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{"x": 1}, "__proto__": map[string]any{}, "response.attestationObject": b64("x"),
		"response.transports": []string{"usb"}, "response.userHandle": nil,
	})
	body, err := Checks{WebAuthN: given}.body("test")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"webAuthN":{"credentialAssertionData":{"id":"` + b64("key") + `","rawId":"` + b64("key") + `","type":"public-key","response":{"clientDataJSON":"` +
		b64(clientData(nil)) + `","authenticatorData":"` + b64("authenticator data") + `","signature":"` + b64("signature") + `"}}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// Whatever passes reads the same to a lenient parser as ZITADEL's: it cannot
// see another origin than the one that was checked.
func FuzzCheckClientData(f *testing.F) {
	want := ClientData{Type: "webauthn.get", Origin: ourOrigin, Challenge: asked}
	good := clientData(nil)
	f.Add(good)
	f.Add(strings.TrimSuffix(good, "}") + `,"ORIGIN":"http://evil.test"}`)
	f.Add(strings.TrimSuffix(good, "}") + `,"\u006Frigin":"http://evil.test","type":null}`)
	f.Add(`{"type":"webauthn.get","challenge":"` + asked + `","origin":"` + ourOrigin + `","crossOrigin":false,"tokenBinding":{"status":"supported"}}`)
	f.Fuzz(func(t *testing.T, data string) {
		if CheckClientData(assertion(data, nil), want) != nil {
			return
		}
		var read struct {
			Type        string `json:"type"`
			Challenge   string `json:"challenge"`
			Origin      string `json:"origin"`
			TopOrigin   string `json:"topOrigin"`
			CrossOrigin bool   `json:"crossOrigin"`
		}
		if err := json.Unmarshal([]byte(data), &read); err != nil {
			t.Fatalf("passed, but does not parse: %v", err)
		}
		if read.Origin != ourOrigin || read.Type != want.Type || read.Challenge != asked || read.CrossOrigin || read.TopOrigin != "" {
			t.Errorf("passed as %+v: %s", read, data)
		}
	})
}
