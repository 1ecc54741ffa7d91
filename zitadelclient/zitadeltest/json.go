package zitadeltest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// object is a JSON object that is being written.
type object map[string]any

// compact drops zero values, as protobuf's JSON leaves them out.
func compact(o object) object {
	for key, value := range o {
		v := reflect.ValueOf(value)
		if !v.IsValid() || v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
			delete(o, key)
		}
	}
	return o
}

// decimal writes an integer as protobuf's JSON writes 64 bits: as a string.
func decimal[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// decimalOrNothing is decimal with zero left out by compact.
func decimalOrNothing(n int) string {
	if n == 0 {
		return ""
	}
	return decimal(n)
}

// seconds writes a duration as protobuf's JSON does; zero is left out by compact.
func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// writeJSON writes a body without the headers of ZITADEL's gateway.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Vary") == "" {
		w.Header().Set("Vary", "Origin")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left is not our trouble
}

// writeAPI writes a successful answer of the API with the headers of its gateway.
func (s *Server) writeAPI(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Grpcgateway-Cache-Control", "no-store")
	h.Set("Grpcgateway-Content-Type", "application/grpc")
	h.Set("Grpcgateway-Date", s.now().Format(http.TimeFormat))
	h.Set("Grpcgateway-Pragma", "no-cache")
	h.Set("Set-Cookie", "zitadel.quota.exhausted=; Path=/; Max-Age=0; SameSite=Lax")
	h["Vary"] = []string{"Origin", "Cookie"}
	writeJSON(w, status, body)
}
