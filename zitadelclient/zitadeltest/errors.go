package zitadeltest

import (
	"errors"
	"net/http"
)

// apiError is a refusal of the REST API. The code is gRPC's; the id, in
// details, is what callers should branch on.
type apiError struct {
	status   int
	code     int
	id       string
	message  string
	details  string // type of the details, "" for none
	attempts int    // failed attempts, of a CredentialsCheckError
}

// Error has the message as it is sent.
func (e *apiError) Error() string {
	if e.details == "" {
		return e.message
	}
	return e.message + " (" + e.id + ")"
}

const (
	errorDetail           = "type.googleapis.com/zitadel.v1.ErrorDetail"
	credentialsCheckError = "type.googleapis.com/zitadel.v1.CredentialsCheckError"
)

// statusOf is how the gateway turns a gRPC code into an HTTP status.
var statusOf = map[int]int{
	3: http.StatusBadRequest, 5: http.StatusNotFound, 6: http.StatusConflict, 7: http.StatusForbidden,
	9: http.StatusBadRequest, 12: http.StatusNotImplemented, 13: http.StatusInternalServerError,
	14: http.StatusServiceUnavailable, 16: http.StatusUnauthorized,
}

func refuse(code int, id, message string) *apiError {
	return &apiError{status: statusOf[code], code: code, id: id, message: message, details: errorDetail}
}

// The refusals by gRPC code, each with the id and message of the real server.
func invalidArgument(id, message string) *apiError    { return refuse(3, id, message) }
func notFound(id, message string) *apiError           { return refuse(5, id, message) }
func alreadyExists(id, message string) *apiError      { return refuse(6, id, message) }
func permissionDenied(id, message string) *apiError   { return refuse(7, id, message) }
func failedPrecondition(id, message string) *apiError { return refuse(9, id, message) }
func unauthenticated(id, message string) *apiError    { return refuse(16, id, message) }

// badRequest is a validation or parse error: those carry no details.
func badRequest(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: 3, message: message}
}

// wrongPassword is the one error that counts.
func wrongPassword(attempts int) *apiError {
	return &apiError{
		status: http.StatusBadRequest, code: 3, id: "COMMAND-3M0fs", message: "Password is invalid",
		details: credentialsCheckError, attempts: attempts,
	}
}

// write sends the refusal in the shape of the REST gateway.
func (e *apiError) write(s *Server, w http.ResponseWriter) {
	body := object{"code": e.code, "message": e.Error()}
	if e.details != "" {
		detail := object{"@type": e.details, "id": e.id, "message": e.message, "failedAttempts": e.attempts}
		body["details"] = []object{compact(detail)}
	}
	w.Header().Set("Grpcgateway-Content-Type", "application/grpc")
	w.Header().Set("Grpcgateway-Date", s.now().Format(http.TimeFormat))
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", e.Error())
	}
	writeJSON(w, e.status, body)
}

// writeError sends any error of an api handler.
func (s *Server) writeError(w http.ResponseWriter, err error) {
	refusal, ok := errors.AsType[*apiError](err)
	if !ok {
		refusal = &apiError{status: http.StatusInternalServerError, code: 13, message: err.Error()}
	}
	refusal.write(s, w)
}

// writeOAuthError sends a refusal of an OAuth endpoint.
func writeOAuthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, compact(object{"error": code, "error_description": description}))
}
