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
// SELECT for another database than 0, and CLUSTER|SLOTS and ASKING in a cluster.
// The sentinels' user needs PING, SUBSCRIBE on all channels, and SENTINEL's
// GET-MASTER-ADDR-BY-NAME and SENTINELS.
type Redis struct {
	client redis.UniversalClient
	limits limits // of one operation
}

// NewRedis reads the URL. It does not connect: torhaus starts while Redis is
// down, and readiness says so. Errors never hold the URL, which has a password.
func NewRedis(cfg RedisConfig) (*Redis, error) {
	options, err := redisOptions(cfg)
	if err != nil {
		return nil, err
	}
	quiet()
	return newRedis(options, redisOperation), nil
}

func newRedis(options *redis.UniversalOptions, operation time.Duration) *Redis {
	return &Redis{client: connect(options), limits: limits{after: operation}}
}

// quiet silences go-redis's own log: plain lines on standard error, one for each
// failed connection. What went wrong is in the errors that callers log.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

// Printf drops a line.
func (silence) Printf(context.Context, string, ...any) {}

// Get reads a value.
func (s *Redis) Get(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := s.try(ctx, repeatable, func(ctx context.Context) (err error) {
		value, err = s.client.Get(ctx, key).Bytes()
		return err
	})
	if err == nil && len(value) > 0 {
		return value, nil
	}
	if err == nil || errors.Is(err, redis.Nil) || wrongType(err) {
		return nil, ErrNotFound
	}
	return nil, redisError("get", err)
}

// Put stores a value.
func (s *Redis) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	return redisError("put", s.try(ctx, repeatable, func(ctx context.Context) error {
		return s.client.Do(ctx, "SET", key, value, "PX", milliseconds(ttl)).Err()
	}))
}

// Swap replaces old by new in one step. Finding new already there is success as
// well: then the answer to an earlier try of the same call was lost. A value that
// is deleted leaves no such trace, so that is tried once.
func (s *Redis) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	kind := once
	if len(new) > 0 {
		if err := checkTTL(ttl); err != nil {
			return err
		}
		kind = repeatable
	}
	var swapped bool
	err := s.try(ctx, kind, func(ctx context.Context) (err error) {
		swapped, err = swapScript.Run(ctx, s.client, []string{key}, old, new, milliseconds(ttl)).Bool()
		return err
	})
	if err == nil && !swapped {
		return ErrChanged
	}
	return redisError("swap", err)
}

// Delete removes values; all keys must share a hash tag.
func (s *Redis) Delete(ctx context.Context, keys ...string) error {
	return redisError("delete", s.try(ctx, repeatable, func(ctx context.Context) error {
		return s.client.Del(ctx, keys...).Err()
	}))
}

// Add puts a member into an index.
func (s *Redis) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	return redisError("add", s.try(ctx, repeatable, func(ctx context.Context) error {
		return addScript.Run(ctx, s.client, []string{index}, member, milliseconds(ttl)).Err()
	}))
}

// Remove takes a member out of an index.
func (s *Redis) Remove(ctx context.Context, index, member string) error {
	err := s.try(ctx, repeatable, func(ctx context.Context) error {
		return s.client.ZRem(ctx, index, member).Err()
	})
	if wrongType(err) {
		return nil
	}
	return redisError("remove", err)
}

// Members lists an index.
func (s *Redis) Members(ctx context.Context, index string) ([]string, error) {
	after := "(" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	var members []string
	err := s.try(ctx, repeatable, func(ctx context.Context) (err error) {
		members, err = s.client.ZRangeByScore(ctx, index, &redis.ZRangeBy{Min: after, Max: "+inf"}).Result()
		return err
	})
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
	var wait int64
	err := s.try(ctx, once, func(ctx context.Context) (err error) {
		wait, err = takeScript.Run(ctx, s.client, []string{bucket}, rate.Every.Microseconds(), rate.Burst).Int64()
		return err
	})
	return time.Duration(wait) * time.Microsecond, redisError("take", err)
}

// Ping says whether Redis answers; in a cluster, whether any of its masters does.
func (s *Redis) Ping(ctx context.Context) error {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return redisError("ping", pingAny(ctx, cluster))
	}
	return redisError("ping", s.try(ctx, repeatable, func(ctx context.Context) error {
		return s.client.Ping(ctx).Err()
	}))
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
