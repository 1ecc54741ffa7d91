// Package static holds the stylesheet, the scripts and the icons of the pages,
// embedded in the program and served under names that contain a hash of their
// content: a browser may keep them for ever, and a new version has a new URL.
//
//	static.URL("app.css")                      // "/static/app.4f1e0c3a9b2d.css"
//	mux.Handle("/static/", static.Handler(static.Config{}))
//
// It refuses every name but these: a wrong or missing hash is 404, never the
// newest file, or a cache would keep new content under an old name.
//
// The module for pages of other origins, torhaus.js, is imported by a name that
// their authors write down, so it has no hash: it may be kept for some minutes,
// and is asked for again by its tag.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

//go:embed files
var files embed.FS

// prefix is where the handler is mounted, after the base path.
const prefix = "/static/"

// bundles are the assets that are made of more than their own file. A page loads
// one script, since another request costs a phone more than the bytes that two
// scripts have in common.
var bundles = map[string][]string{
	"passkey.js": {"form.js", "passkey.js"},
}

// imported are the assets that other origins' pages name: without a hash, and
// readable by whoever likes.
var imported = map[string]bool{"torhaus.js": true}

// file is one asset, ready to be sent.
type file struct {
	name        string // "app.css"
	url         string // "/static/app.<hash>.css"
	tag         string // its ETag; "" where the URL says as much
	contentType string
	plain       []byte
	gzipped     []byte // nil when compressing does not pay
}

var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets are the embedded files, by name and by URL. Hashing and compressing
// them takes a few milliseconds, so it waits for the first use.
var assets = sync.OnceValue(func() map[string]*file {
	entries, err := files.ReadDir("files")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*file, 2*len(entries))
	for _, entry := range entries {
		data, err := read(files, "files/", entry.Name())
		if err != nil {
			panic(err)
		}
		f := newFile(entry.Name(), data)
		all[f.name], all[f.url] = f, f
	}
	return all
})

// read is the content of an asset, from the folder of the file system.
func read(from fs.FS, folder, name string) ([]byte, error) {
	parts, ok := bundles[name]
	if !ok {
		parts = []string{name}
	}
	var all []byte
	for _, part := range parts {
		data, err := fs.ReadFile(from, folder+part)
		if err != nil {
			return nil, err
		}
		all = append(all, data...)
	}
	return all, nil
}

func newFile(name string, data []byte) *file {
	ext := filepath.Ext(name)
	sum := sha256.Sum256(data)
	f := &file{
		name:        name,
		url:         prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext,
		contentType: types[ext],
		plain:       data,
	}
	if imported[name] {
		f.url, f.tag = prefix+name, `"`+hex.EncodeToString(sum[:6])+`"`
	}
	if f.contentType == "" {
		panic("static: no content type for " + name)
	}
	if zipped := compress(data); len(zipped) < len(data) {
		f.gzipped = zipped
	}
	return f
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails only for an unknown level
	w.Write(data)                                         // a bytes.Buffer takes everything
	w.Close()
	return b.Bytes()
}

// URL is the path of the asset below the base path. An unknown name is a
// mistake in a template that every render would make: it panics.
func URL(name string) string {
	f, ok := assets()[name]
	if !ok {
		panic("static: no file " + name)
	}
	return f.url
}

// Bytes is the content of the asset, for tests and for measuring.
func Bytes(name string) ([]byte, error) {
	f, ok := assets()[name]
	if !ok {
		return nil, fmt.Errorf("static: no file %s", name)
	}
	return f.plain, nil
}

// Config says where the assets come from.
type Config struct {
	// Dir, when set, is the folder files/ on disk: every request reads it anew
	// and nothing is cached. For development only.
	Dir string
}

// Handler serves the assets under any path that ends in /static/<name>.
func Handler(c Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		f, ok := find(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		if c.Dir != "" {
			serveFresh(w, r, f, c.Dir)
			return
		}
		serve(w, r, f)
	})
}

// find knows only full URLs, so "/static/app.css" is not found although URL knows the name.
func find(path string) (*file, bool) {
	i := strings.LastIndex(path, prefix)
	if i < 0 {
		return nil, false
	}
	f, ok := assets()[path[i:]]
	return f, ok
}

func serve(w http.ResponseWriter, r *http.Request, f *file) {
	h, body := w.Header(), f.plain
	if f.gzipped != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzipped
		}
	}
	f.open(h)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if f.tag != "" {
		h.Set("ETag", f.tag)
		h.Set("Cache-Control", "public, max-age=300")
		if strings.Contains(r.Header.Get("If-None-Match"), f.tag) { // also as a weak one
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		w.Write(body) // an error here is the browser going away
	}
}

// open lets pages of any origin import the file. It is public, and is asked for
// without cookies.
func (f *file) open(h http.Header) {
	if imported[f.name] {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
}

// serveFresh sends what lies on disk under the URL of what is embedded, so that
// an edit shows on reload.
func serveFresh(w http.ResponseWriter, r *http.Request, f *file, dir string) {
	data, err := read(os.DirFS(dir), "", f.name) // f.name is one of ours, not the request's
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	f.open(w.Header())
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodGet {
		w.Write(data)
	}
}

// acceptsGzip reads Accept-Encoding as far as it matters: gzip named, and not with q=0.
func acceptsGzip(r *http.Request) bool {
	for _, item := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !found || (err == nil && weight > 0)
	}
	return false
}
