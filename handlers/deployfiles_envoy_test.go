package handlers_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// envoyFile is the part of deploy/envoy that decides what passes.
type envoyFile struct {
	Resources struct {
		Listeners []struct {
			Chains []struct {
				Filters []struct {
					Config envoyManager `yaml:"typed_config"`
				}
			} `yaml:"filter_chains"`
		}
	} `yaml:"static_resources"`
}

// envoyManager is an HttpConnectionManager.
type envoyManager struct {
	UseRemoteAddress bool `yaml:"use_remote_address"`
	Early            []struct {
		Config struct{ Mutations []envoyMutation } `yaml:"typed_config"`
	} `yaml:"early_header_mutation_extensions"`
	Filters []envoyFilter `yaml:"http_filters"`
	Routes  struct {
		Hosts []envoyHost `yaml:"virtual_hosts"`
	} `yaml:"route_config"`
}

type envoyMutation struct {
	Remove string
	Match  struct {
		Key struct {
			Regex struct{ Regex string } `yaml:"safe_regex"`
		} `yaml:"key_matcher"`
	} `yaml:"remove_on_match"`
}

// apply takes headers out. An expression has to match a whole name, and sees the
// pseudo headers too.
func (m envoyMutation) apply(w *world, header http.Header) {
	header.Del(m.Remove)
	if m.Match.Key.Regex.Regex == "" {
		return
	}
	whole := regexp.MustCompile("^(?:" + m.Match.Key.Regex.Regex + ")$")
	for _, pseudo := range []string{":method", ":path", ":authority", ":scheme"} {
		if whole.MatchString(pseudo) {
			w.t.Errorf("%s is taken out", pseudo)
		}
	}
	for name := range header {
		if whole.MatchString(strings.ToLower(name)) {
			delete(header, name)
		}
	}
}

type envoyHost struct {
	Name      string
	PerFilter map[string]struct{ Disabled bool } `yaml:"typed_per_filter_config"`
	Routes    []struct{ Route struct{ Timeout string } }
}

type envoyFilter struct {
	Name   string
	Config struct {
		FailureModeAllow bool                  `yaml:"failure_mode_allow"`
		StatusOnError    struct{ Code string } `yaml:"status_on_error"`
		AllowedHeaders   envoyPatterns         `yaml:"allowed_headers"`
		Service          struct {
			ServerURI struct{ URI string } `yaml:"server_uri"`
			Prefix    string               `yaml:"path_prefix"`
			Response  struct {
				Upstream envoyPatterns `yaml:"allowed_upstream_headers"`
			} `yaml:"authorization_response"`
		} `yaml:"http_service"`
	} `yaml:"typed_config"`
}

type envoyPatterns struct {
	Patterns []struct{ Exact, Prefix string }
}

// of are the headers that are listed.
func (list envoyPatterns) of(header http.Header) http.Header {
	found := http.Header{}
	for name, values := range header {
		for _, p := range list.Patterns {
			if lower := strings.ToLower(name); p.Exact == lower || p.Prefix != "" && strings.HasPrefix(lower, p.Prefix) {
				found[name] = values
			}
		}
	}
	return found
}

// The file for Envoy, and what Envoy does with it.
func TestDeployEnvoy(t *testing.T) {
	manager := readYAML[envoyFile](t, "envoy/envoy.yaml")[0].Resources.Listeners[0].Chains[0].Filters[0].Config
	if !manager.UseRemoteAddress {
		t.Error("the address of the visitor is the visitor's to choose")
	}
	for host, rule := range map[string]string{"app": "default", "admin": "staff"} {
		t.Run(host, func(t *testing.T) {
			i := slices.IndexFunc(manager.Routes.Hosts, func(h envoyHost) bool { return h.Name == host })
			w := deployableWorld(t)
			proveFile(w, rule, func(r *http.Request) (*http.Response, *http.Request) {
				return manager.pass(w, manager.Routes.Hosts[i], r)
			})
		})
	}
	if off := manager.Routes.Hosts[0].PerFilter; manager.Routes.Hosts[0].Name != "torhaus" || !off["torhaus.default"].Disabled || !off["torhaus.staff"].Disabled {
		t.Error("nobody reaches the sign-in pages")
	}
	// Without, Envoy cuts off after 15 s what is not complete: a stream never is, and
	// a form may take 25.
	for _, route := range manager.Routes.Hosts[0].Routes {
		if route.Route.Timeout != "0s" {
			t.Errorf("an answer of torhaus may take %q", route.Route.Timeout)
		}
	}
}

// pass changes a request as Envoy does, or answers it.
func (m envoyManager) pass(w *world, host envoyHost, r *http.Request) (answer *http.Response, toApp *http.Request) {
	for _, mutation := range m.Early[0].Config.Mutations {
		mutation.apply(w, r.Header)
	}
	asked := 0
	for _, filter := range m.Filters {
		service := filter.Config.Service
		if service.Prefix == "" || host.PerFilter[filter.Name].Disabled {
			continue
		}
		asked++
		if filter.Config.FailureModeAllow || filter.Config.StatusOnError.Code != "ServiceUnavailable" {
			w.t.Error("lets requests pass when torhaus is gone")
		}
		header := filter.Config.AllowedHeaders.of(r.Header)
		answer := w.askAt(service.ServerURI.URI+service.Prefix, r.Method, r.URL.RequestURI(), r.Host, header)
		if answer.StatusCode != http.StatusOK {
			return answer, nil
		}
		for name, values := range service.Response.Upstream.of(answer.Header) {
			r.Header[name] = values
		}
	}
	if asked != 1 {
		w.t.Errorf("%d filters are asked", asked)
	}
	return nil, r
}
