package handlers_test

import (
	"net/http"
	"regexp"
	"testing"
)

// traefikFile is the part of deploy/traefik that decides what passes.
type traefikFile struct {
	HTTP struct {
		Routers map[string]struct {
			Rule, Service string
			Middlewares   []string
		}
		Middlewares map[string]traefikMiddleware
		Services    map[string]any
	}
}

type traefikMiddleware struct {
	Chain   struct{ Middlewares []string }
	Headers struct {
		CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
	}
	ForwardAuth *traefikForwardAuth `yaml:"forwardAuth"`
}

type traefikForwardAuth struct {
	Address                  string   `yaml:"address"`
	TrustForwardHeader       bool     `yaml:"trustForwardHeader"`
	AuthResponseHeaders      []string `yaml:"authResponseHeaders"`
	AuthResponseHeadersRegex string   `yaml:"authResponseHeadersRegex"`
}

// The file for Traefik, and what Traefik does with it.
func TestDeployTraefik(t *testing.T) {
	config := readYAML[traefikFile](t, "traefik/dynamic.yml")[0].HTTP
	for name, router := range config.Routers {
		if config.Services[router.Service] == nil {
			t.Errorf("the router %s has no service", name)
		}
	}
	for router, rule := range map[string]string{"app": "default", "admin": "staff"} {
		t.Run(router, func(t *testing.T) {
			w := deployableWorld(t)
			proveFile(w, rule, func(r *http.Request) (answer *http.Response, toApp *http.Request) {
				for _, name := range config.Middlewares[config.Routers[router].Middlewares[0]].Chain.Middlewares {
					if answer = config.Middlewares[name].apply(w, r); answer != nil {
						return answer, nil
					}
				}
				return nil, r
			})
		})
	}
}

// apply changes a request as Traefik does, or answers it.
func (m traefikMiddleware) apply(w *world, r *http.Request) *http.Response {
	for header, value := range m.Headers.CustomRequestHeaders {
		if r.Header.Del(header); value != "" {
			w.t.Errorf("%s is set to %q", header, value)
		}
	}
	if m.ForwardAuth == nil {
		return nil
	}
	if m.ForwardAuth.TrustForwardHeader {
		w.t.Error("believes X-Forwarded- headers of visitors")
	}
	asked := r.Header.Clone()
	for name, value := range map[string]string{"Method": r.Method, "Proto": "https", "Host": r.Host, "Uri": r.URL.RequestURI(), "For": "203.0.113.7"} {
		asked.Set("X-Forwarded-"+name, value)
	}
	answer := w.askAt(m.ForwardAuth.Address, http.MethodGet, "", "torhaus:8401", asked)
	if answer.StatusCode >= 300 {
		return answer
	}
	for _, name := range m.ForwardAuth.AuthResponseHeaders {
		r.Header[name] = answer.Header[name]
	}
	taken := regexp.MustCompile(m.ForwardAuth.AuthResponseHeadersRegex)
	for name := range r.Header {
		if taken.MatchString(name) {
			r.Header.Del(name)
		}
	}
	for name, values := range answer.Header {
		if taken.MatchString(name) {
			r.Header[name] = values
		}
	}
	return nil
}
