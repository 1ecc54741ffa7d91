package zitadeltest

// sessionByToken is the session whose newest token this is, nil for none.
func (s *Server) sessionByToken(token string) *session {
	for _, sess := range s.sessions {
		if sess.token == token && !sess.expired(s.now()) {
			return sess
		}
	}
	return nil
}
