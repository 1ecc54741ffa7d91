package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisOptions reads the URL of a [RedisConfig]. net/url cannot read a list of
// hosts, and its errors quote the password; so the parts are taken apart here.
func redisOptions(cfg RedisConfig) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(cfg.URL, "://")
	if !ok {
		return nil, errors.New("redis URL: begins with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	rest, rawQuery, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	options := defaultRedisOptions()
	protocol, topology, _ := strings.Cut(scheme, "+")
	switch protocol {
	case "redis":
	case "rediss":
		options.TLSConfig = cfg.TLS
		if options.TLSConfig == nil {
			options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	default:
		return nil, fmt.Errorf("redis URL: unknown scheme %q", protocol)
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		if err := readCredentials(options, authority[:at]); err != nil {
			return nil, err
		}
		authority = authority[at+1:]
	}
	if err := readTopology(options, topology, path); err != nil {
		return nil, err
	}
	if err := readHosts(options, topology, authority); err != nil {
		return nil, err
	}
	return options, readSentinelCredentials(options, rawQuery)
}

// defaultRedisOptions bounds every wait. Without ContextTimeoutEnabled go-redis
// ignores the deadline of a context, and a frozen Redis costs seconds.
func defaultRedisOptions() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Protocol:              2, // nothing here needs push messages and their handshake
		ContextTimeoutEnabled: true,
		DialTimeout:           redisTimeout,
		ReadTimeout:           redisTimeout,
		WriteTimeout:          redisTimeout,
		PoolTimeout:           redisTimeout,
		MaxRetries:            -1, // see [Redis.try]
		DialerRetries:         1,
		DialerRetryTimeout:    time.Millisecond, // is waited for after the last try, too
		ReadBufferSize:        redisBuffer,
		WriteBufferSize:       redisBuffer,
		DisableIdentity:       true, // CLIENT SETINFO is beyond what a narrow ACL allows
	}
}

func readCredentials(options *redis.UniversalOptions, info string) error {
	user, password, _ := strings.Cut(info, ":")
	var errUser, errPassword error
	options.Username, errUser = url.PathUnescape(user)
	options.Password, errPassword = url.PathUnescape(password)
	if errUser != nil || errPassword != nil {
		return errors.New("redis URL: a % in the user or password must be written as %25")
	}
	return nil
}

// readTopology reads what the path means: a database, or a master's name and a
// database, or nothing in a cluster.
func readTopology(options *redis.UniversalOptions, topology, path string) error {
	database := path
	switch topology {
	case "":
	case "cluster":
		options.IsClusterMode = true
		if path != "" && path != "0" {
			return errors.New("redis URL: a cluster has no databases; end the URL after the hosts")
		}
		return nil
	case "sentinel":
		options.MasterName, database, _ = strings.Cut(path, "/")
		if options.MasterName == "" {
			return errors.New("redis URL: the name of the master is missing, as in redis+sentinel://host:26379/master")
		}
	default:
		return fmt.Errorf("redis URL: unknown kind %q; there are redis+sentinel and redis+cluster", topology)
	}
	if database == "" {
		return nil
	}
	n, err := strconv.ParseUint(database, 10, 16)
	if err != nil {
		// Not quoted: it is the end of a password that has a / in it.
		return errors.New("redis URL: what follows the host is not the number of a database; in a password / is written as %2F")
	}
	options.DB = int(n)
	return nil
}

func readHosts(options *redis.UniversalOptions, topology, hosts string) error {
	port := "6379"
	if topology == "sentinel" {
		port = "26379"
	}
	for _, host := range strings.Split(hosts, ",") {
		u, err := url.Parse("redis://" + host)
		if err != nil || u.Hostname() == "" || u.User != nil {
			return errors.New("redis URL: a host is missing or is not host:port")
		}
		if u.Port() == "" {
			host = strings.TrimSuffix(host, ":") + ":" + port
		}
		options.Addrs = append(options.Addrs, host)
	}
	if topology == "" && len(options.Addrs) > 1 {
		return errors.New("redis URL: several hosts; say redis+sentinel:// or redis+cluster://")
	}
	return nil
}

func readSentinelCredentials(options *redis.UniversalOptions, rawQuery string) error {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return errors.New("redis URL: the part after ? cannot be read")
	}
	for name := range query {
		switch name {
		case "sentinel_username":
			options.SentinelUsername = query.Get(name)
		case "sentinel_password":
			options.SentinelPassword = query.Get(name)
		default:
			return errors.New("redis URL: an unknown parameter follows the ?; in a password ? is written as %3F")
		}
	}
	return nil
}
