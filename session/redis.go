package session

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limits of one operation. A Redis that hangs must cost a visitor less than a
// second, retry included, before the answer is 503.
const (
	redisTimeout   = 500 * time.Millisecond // to connect, to write, to read
	redisOperation = 900 * time.Millisecond // all of it
	redisBuffer    = 8 << 10                // of a connection; our largest values are smaller
)

// RedisConfig says which Redis, by a URL of one of these forms, with rediss in
// place of redis for TLS:
//
//	redis://user:password@host:port/database
//	redis+sentinel://user:password@sentinel:port,sentinel:port/master/database
//	redis+cluster://user:password@node:port,node:port
//
// The sentinels' own credentials, if any, follow as ?sentinel_username= and
// ?sentinel_password=.
type RedisConfig struct {
	URL string
	TLS *tls.Config // for a private authority; used where the URL says rediss
}

// Redis is the store that replicas share. Its user needs the commands GET, SET,
// DEL, EVAL, EVALSHA, TYPE, TIME, PTTL, PEXPIRE, ZADD, ZREM, ZRANGEBYSCORE,
// ZREMRANGEBYSCORE and PING, on keys that begin with the environment's name;
// and SELECT for another database than 0.
type Redis struct{ client redis.UniversalClient }

// NewRedis reads the URL. It does not connect: torhaus starts while Redis is
// down, and readiness says so. Errors never hold the URL, which has a password.
func NewRedis(cfg RedisConfig) (*Redis, error) {
	options, err := redisOptions(cfg)
	if err != nil {
		return nil, err
	}
	quiet()
	return &Redis{client: redis.NewUniversalClient(options)}, nil
}

// quiet silences go-redis's own log: plain lines on standard error, one for each
// failed connection. What went wrong is in the errors that callers log.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

// Printf drops a line.
func (silence) Printf(context.Context, string, ...any) {}

// bounded gives an operation its time limit.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, redisOperation)
}

// Get reads a value.
func (s *Redis) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	value, err := s.client.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) || wrongType(err) || err == nil && len(value) == 0 {
		return nil, ErrNotFound
	}
	return value, redisError("get", err)
}

// Put stores a value.
func (s *Redis) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return redisError("put", s.client.Do(ctx, "SET", key, value, "PX", milliseconds(ttl)).Err())
}

// Swap replaces old by new in one step. Finding new already there is success as
// well: then the answer to an earlier try of the same call was lost.
func (s *Redis) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	if len(new) > 0 {
		if err := checkTTL(ttl); err != nil {
			return err
		}
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	swapped, err := swapScript.Run(ctx, s.client, []string{key}, old, new, milliseconds(ttl)).Bool()
	if err == nil && !swapped {
		return ErrChanged
	}
	return redisError("swap", err)
}

// Delete removes values; all keys must share a hash tag.
func (s *Redis) Delete(ctx context.Context, keys ...string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return redisError("delete", s.client.Del(ctx, keys...).Err())
}

// Add puts a member into an index.
func (s *Redis) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return redisError("add", addScript.Run(ctx, s.client, []string{index}, member, milliseconds(ttl)).Err())
}

// Remove takes a member out of an index.
func (s *Redis) Remove(ctx context.Context, index, member string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := s.client.ZRem(ctx, index, member).Err()
	if wrongType(err) {
		return nil
	}
	return redisError("remove", err)
}

// Members lists an index.
func (s *Redis) Members(ctx context.Context, index string) ([]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	after := "(" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	members, err := s.client.ZRangeByScore(ctx, index, &redis.ZRangeBy{Min: after, Max: "+inf"}).Result()
	if wrongType(err) {
		return nil, nil
	}
	return members, redisError("members", err)
}

// Take takes a token out of a bucket. Time is Redis's own, so that replicas
// whose clocks differ agree.
func (s *Redis) Take(ctx context.Context, bucket string, rate Rate) (time.Duration, error) {
	if err := rate.validate(); err != nil {
		return 0, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	wait, err := takeScript.Run(ctx, s.client, []string{bucket}, rate.Every.Microseconds(), rate.Burst).Int64()
	return time.Duration(wait) * time.Microsecond, redisError("take", err)
}

// Ping says whether Redis answers.
func (s *Redis) Ping(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return redisError("ping", s.client.Ping(ctx).Err())
}

// Close closes the connections.
func (s *Redis) Close() error { return s.client.Close() }

// redisError makes every failure of Redis one kind: down, slow, read-only, full
// or misconfigured, it does not know who the visitor is.
func redisError(op string, err error) error {
	if err == nil {
		return nil
	}
	return unavailable(op, err)
}

// wrongType is Redis's answer for a key that holds something else: junk, which
// counts as nothing.
func wrongType(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && strings.HasPrefix(answer.Error(), "WRONGTYPE")
}

// milliseconds rounds up: a lifetime of 0 would be refused.
func milliseconds(ttl time.Duration) int64 {
	return int64((ttl + time.Millisecond - 1) / time.Millisecond)
}
