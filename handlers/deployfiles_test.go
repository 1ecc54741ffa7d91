package handlers_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"torhaus/handlers"
)

// readYAML reads the documents of a file of deploy.
func readYAML[T any](t *testing.T, name string) (documents []T) {
	t.Helper()
	data, err := os.ReadFile("../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document T
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return documents
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		documents = append(documents, document)
	}
}

// asProxy is what a proxy makes of a visitor's request: an answer of its own, or what
// it sends to the app.
type asProxy func(*http.Request) (answer *http.Response, toApp *http.Request)

// ask sends a question to an address as the file of a proxy has it.
func (w *world) askAt(address, method, rest, host string, header http.Header) *http.Response {
	w.t.Helper()
	at, err := url.Parse(address)
	w.must(err)
	r := httptest.NewRequest(method, at.Path+rest, nil)
	r.Host, r.Header, r.RemoteAddr = host, header, peer
	return serve(w.last.ForwardAuth(), r)
}

// deployableWorld is one with the rules that the files of deploy name.
func deployableWorld(t *testing.T) *world {
	return newWorld(t, rules(t, `{"staff": {"assertion": "https://admin.example.com", "token": true}}`))
}

// proveFile holds a proxy, set up as a file of deploy says, to what the real ones are
// held to.
func proveFile(w *world, rule string, proxy asProxy) {
	w.t.Helper()
	b := newBrowser(w.t)
	send := func(b *browser, header http.Header) (*http.Response, *http.Request) {
		r := httptest.NewRequest(http.MethodGet, "/inbox?a=1", nil)
		r.Host = strings.TrimPrefix(w.app, "http://")
		for name, values := range header {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		if b != nil {
			r.Header.Add("Cookie", "theme=dark; __Secure-torhaus="+b.cookie(w.auth, "__Secure-torhaus"))
		}
		return proxy(r)
	}
	answer, toApp := send(nil, navigation())
	if toApp != nil || answer.StatusCode != http.StatusSeeOther || loginURL(w.t, answer).Query().Get("return_to") != w.app+"/inbox?a=1" {
		w.t.Fatalf("a stranger: %v, the app gets %v", answer, toApp)
	}
	for name, header := range map[string]http.Header{"a fetch": fetched(), "a fetch of HTML": with(fetched(), "Accept", "text/html"), "a WebSocket": {"Sec-Websocket-Key": {"x"}, "Accept": {"text/html"}}, "a forgery": {"X-Auth-Subject": {w.alice}}} {
		if answer, toApp := send(nil, header); toApp != nil || answer.StatusCode != http.StatusUnauthorized {
			w.t.Errorf("%s: %v, the app gets %v", name, answer, toApp)
		}
	}
	w.signIn(b)
	for _, name := range spoofed(w.t) {
		if strings.EqualFold(name, "cookie") {
			continue
		}
		_, toApp := send(b, http.Header{name: {"forged"}})
		if toApp == nil {
			w.t.Fatalf("with %s alice does not pass", name)
		}
		for sent, values := range toApp.Header {
			if strings.Contains(strings.Join(values, " "), "forged") {
				w.t.Errorf("%s reaches the app as %s", name, sent)
			}
		}
		if toApp.Header.Get("X-Auth-Subject") != w.alice || toApp.Header.Get("Cookie") != "theme=dark" {
			w.t.Errorf("with %s the app gets %v", name, toApp.Header)
		}
		given := toApp.Header.Get("X-Auth-Assertion") != "" && strings.HasPrefix(toApp.Header.Get("Authorization"), "Bearer ")
		if given != (rule == "staff") {
			w.t.Errorf("by the rule %s the app gets %v", rule, toApp.Header)
		}
	}
}

// The files for Kubernetes: what may be reached from where, and that ingress-nginx is
// told all that torhaus says.
func TestDeployKubernetes(t *testing.T) {
	type object struct {
		Kind     string
		Metadata struct {
			Name        string
			Annotations map[string]string
		}
		Spec struct {
			Ports    []struct{ Port int }
			Rules    []struct{ Host string }
			Template struct {
				Spec struct {
					Containers []struct {
						Env []struct{ Name, Value string }
					}
				}
			}
		}
		Data map[string]string
	}
	const annotation = "nginx.ingress.kubernetes.io/"
	set := map[string]bool{}
	w := newWorld(t)
	for _, o := range append(readYAML[object](t, "kubernetes/torhaus.yaml"), readYAML[object](t, "kubernetes/ingress-nginx.yaml")...) {
		switch {
		case o.Kind == "Deployment":
			for _, variable := range o.Spec.Template.Spec.Containers[0].Env {
				if variable.Name == "TORHAUS_RULES" {
					if _, err := handlers.ParseRules(variable.Value); err != nil {
						t.Errorf("TORHAUS_RULES: %v", err)
					}
				}
			}
		case o.Kind == "Ingress" && o.Metadata.Name != "torhaus":
			for name := range strings.SplitSeq(o.Metadata.Annotations[annotation+"auth-response-headers"], ",") {
				set[name] = true
			}
			if len(set) != len(identity) || slices.ContainsFunc(identity, func(name string) bool { return !set[name] }) {
				t.Errorf("%s takes %v from torhaus, which says %v", o.Metadata.Name, set, identity)
			}
			rule := strings.TrimPrefix(o.Metadata.Annotations[annotation+"auth-url"], "http://torhaus-internal.torhaus.svc.cluster.local:8401/auth/nginx/")
			if want := map[string]string{"app": "default", "admin": "staff"}[o.Metadata.Name]; rule != want {
				t.Errorf("%s asks for the rule %q", o.Metadata.Name, rule)
			}
			signIn := o.Metadata.Annotations[annotation+"auth-signin"] + "?" + o.Metadata.Annotations[annotation+"auth-signin-redirect-param"] + "=" + url.QueryEscape(w.app+"/x")
			newBrowser(t).open(strings.Replace(signIn, "https://auth.example.com", w.auth, 1)).at("/loginname")
		case o.Kind == "ConfigMap":
			for name, value := range o.Data {
				if set[name] = true; value != "" {
					t.Errorf("%s is set to %q", name, value)
				}
			}
		}
	}
	list, err := os.ReadFile("testdata/identity_header_names.txt")
	if err != nil {
		t.Fatal(err)
	}
	cleared := map[string]bool{}
	for name := range set {
		cleared[strings.ToLower(name)] = true
	}
	for _, name := range strings.Fields(string(list)) {
		if !strings.Contains(name, "_") && !cleared[strings.ToLower(name)] { // underscores are off by default
			t.Errorf("%s reaches the app", name)
		}
	}
}
