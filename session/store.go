package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The three ways in which remembering can fail. Every error of this package
// that a request can cause is one of them, to be told apart with [errors.Is].
var (
	// ErrNotFound says that there is no such thing: never was, has expired, or
	// cannot be read. The visitor is anonymous.
	ErrNotFound = errors.New("session: not found")
	// ErrChanged says that another request got there first.
	ErrChanged = errors.New("session: changed by another request")
	// ErrUnavailable says that the store is in trouble; it wraps the cause.
	// Nothing is known of the visitor, so nothing may be decided or cleared.
	ErrUnavailable = errors.New("session: store unavailable")
)

// Records keeps values under keys for a limited time. A value that was stored
// by something else, of a type that cannot be a value, counts as absent.
type Records interface {
	// Get answers [ErrNotFound] when there is no value.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put stores a value, whatever was there before. ttl must be positive.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Swap replaces old by new in one step, or answers [ErrChanged] when the
	// value is not old. A nil old stands for no value, a nil new deletes. Locks,
	// consume-once and compare-and-set are all this one operation.
	Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error
	// Delete removes what is there. In a cluster all keys must share a hash tag.
	Delete(ctx context.Context, keys ...string) error
}

// Indexes keeps sets of members, each member for its own limited time.
type Indexes interface {
	Add(ctx context.Context, index, member string, ttl time.Duration) error
	Remove(ctx context.Context, index, member string) error
	// Members lists what has not expired, in no particular order.
	Members(ctx context.Context, index string) ([]string, error)
}

// Buckets are token buckets, shared by all replicas.
type Buckets interface {
	// Take takes one token. A positive wait means that there was none, that
	// nothing was taken, and when there will be one.
	Take(ctx context.Context, bucket string, rate Rate) (wait time.Duration, err error)
}

// Connection is what a store's owner asks of it.
type Connection interface {
	// Ping says whether the store answers, for readiness.
	Ping(ctx context.Context) error
	Close() error
}

// Store is a place to remember things. [Memory] and [Redis] are the two.
type Store interface {
	Records
	Indexes
	Buckets
	Connection
}

// Rate is how fast something may happen: Burst at once, then one Every so often.
type Rate struct {
	Burst int
	Every time.Duration
}

// validate refuses a rate that would allow nothing or everything.
func (r Rate) validate() error {
	if r.Burst < 1 || r.Every <= 0 {
		return fmt.Errorf("session: rate of %d every %v allows nothing or everything", r.Burst, r.Every)
	}
	return nil
}

// unavailable says which operation met trouble. The cause stays visible to
// [errors.Is], so that a request that its browser cancelled can be told apart.
func unavailable(op string, cause error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, op, cause)
}

// checkTTL catches a mistake of ours: a value without an end would stay forever.
func checkTTL(ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("session: lifetime %v is not positive", ttl)
	}
	return nil
}
