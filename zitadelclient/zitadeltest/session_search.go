package zitadeltest

import (
	"encoding/json"
	"slices"
	"time"
)

// page is how a search is limited. Offsets come as strings or as numbers.
type page struct {
	Offset json.Number `json:"offset"`
	Limit  int         `json:"limit"`
	Asc    bool        `json:"asc"`
}

// cut applies offset and limit; the total is counted before.
func cut[T any](p page, all []T) []T {
	offset, _ := p.Offset.Int64() // no offset is no number, and 0
	all = all[min(int(offset), len(all)):]
	if p.Limit > 0 && p.Limit < len(all) {
		all = all[:p.Limit]
	}
	return all
}

// listDetails is the head of every search answer.
func (s *Server) listDetails(total int) object {
	return compact(object{"totalResult": decimalOrNothing(total), "timestamp": timestamp(s.now())})
}

type sessionQuery struct {
	IDsQuery *struct {
		IDs []string `json:"ids"`
	} `json:"idsQuery"`
	UserIDQuery *struct {
		ID string `json:"id"`
	} `json:"userIdQuery"`
	CreatorQuery *struct {
		ID *string `json:"id"`
	} `json:"creatorQuery"`
	UserAgentQuery *struct {
		FingerprintID *string `json:"fingerprintId"`
	} `json:"userAgentQuery"`
	CreationDateQuery   *dateQuery `json:"creationDateQuery"`
	ExpirationDateQuery *dateQuery `json:"expirationDateQuery"`
}

type dateQuery struct {
	CreationDate   time.Time `json:"creationDate"`
	ExpirationDate time.Time `json:"expirationDate"`
	Method         string    `json:"method"`
}

func (q *dateQuery) matches(value time.Time) bool {
	wanted := q.CreationDate
	if wanted.IsZero() {
		wanted = q.ExpirationDate
	}
	switch q.Method {
	case "TIMESTAMP_QUERY_METHOD_GREATER":
		return value.After(wanted)
	case "TIMESTAMP_QUERY_METHOD_GREATER_OR_EQUALS":
		return !value.Before(wanted)
	case "TIMESTAMP_QUERY_METHOD_LESS":
		return value.Before(wanted)
	case "TIMESTAMP_QUERY_METHOD_LESS_OR_EQUALS":
		return !value.After(wanted)
	default:
		return value.Equal(wanted)
	}
}

// searchSessions lists sessions. Without a query a caller with session.read
// sees those of the whole instance; without that permission the total tells
// how many there are and only the caller's own are shown.
func (c *call) searchSessions() (any, error) {
	var request struct {
		Query         page           `json:"query"`
		Queries       []sessionQuery `json:"queries"`
		SortingColumn string         `json:"sortingColumn"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	var found []*session
	for _, id := range c.sessionOrder {
		if sess := c.visibleSession(id); sess != nil && c.matchesSession(sess, request.Queries) {
			found = append(found, sess)
		}
	}
	// Unsorted lists come as the database likes: oldest first, but by ids newest first.
	byIDs := slices.ContainsFunc(request.Queries, func(q sessionQuery) bool { return q.IDsQuery != nil })
	if byIDs && request.SortingColumn == "" || request.SortingColumn != "" && !request.Query.Asc {
		slices.Reverse(found)
	}
	list := []object{}
	for _, sess := range cut(request.Query, found) {
		if c.caller.may(sessionRead) || c.ownsSession(sess) {
			list = append(list, c.sessionBody(sess))
		}
	}
	return compact(object{"details": c.listDetails(len(found)), "sessions": list}), nil
}

// visibleSession is a session as the projection of searches knows it: new and
// ended ones show late.
func (s *Server) visibleSession(id string) *session {
	if sess := s.sessions[id]; sess != nil && !s.now().Before(sess.created.Add(s.config.Lag)) {
		return sess
	}
	if sess := s.terminated[id]; sess != nil && s.lagging(sess.record) {
		return sess
	}
	return nil
}

func (c *call) matchesSession(sess *session, queries []sessionQuery) bool {
	for _, q := range queries {
		switch {
		case q.IDsQuery != nil && !slices.Contains(q.IDsQuery.IDs, sess.id),
			q.UserIDQuery != nil && q.UserIDQuery.ID != sess.userID,
			q.CreatorQuery != nil && c.creatorOf(q) != sess.creator,
			q.UserAgentQuery != nil && !sameAgent(q, sess),
			q.CreationDateQuery != nil && !q.CreationDateQuery.matches(sess.created),
			q.ExpirationDateQuery != nil && (sess.expires.IsZero() || !q.ExpirationDateQuery.matches(sess.expires)):
			return false
		}
	}
	return true
}

// creatorOf is whom a creatorQuery means: nobody named is the caller.
func (c *call) creatorOf(q sessionQuery) string {
	if q.CreatorQuery.ID == nil {
		return c.caller.user.id
	}
	return *q.CreatorQuery.ID
}

func sameAgent(q sessionQuery, sess *session) bool {
	return sess.userAgent != nil && q.UserAgentQuery.FingerprintID != nil && sess.userAgent.FingerprintID == *q.UserAgentQuery.FingerprintID
}
