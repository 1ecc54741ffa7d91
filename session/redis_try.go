package session

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limits of one operation. A Redis that hangs must cost a visitor less than a
// second before the answer is 503, whatever else that request does.
const (
	redisTimeout   = 500 * time.Millisecond // to connect, to write, to read
	redisOperation = 750 * time.Millisecond // all of it
	redisBuffer    = 8 << 10                // of a connection; our largest values are smaller
)

// kind says whether an operation may be done twice when nobody knows whether it
// was done.
type kind bool

const (
	repeatable kind = true
	once       kind = false // a token must not be taken twice for one request
)

// try does an operation within its time limit, and once more where that costs no
// time and does no harm: after a connection broke under what may be repeated (an
// idle one, to a server that was restarted), and after a server refused to write
// because it is a replica by now. What timed out is not tried again: a Redis that
// hangs is no better for being asked twice as often.
//
// This is the only place that repeats anything. The client's own retries are off,
// since they know neither what may be repeated nor what it costs.
func (s *Redis) try(ctx context.Context, kind kind, do func(context.Context) error) error {
	patience := patienceOf(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	left := patience.left(s.limits.after)
	if _, sooner := ctx.Deadline(); sooner || left < s.limits.after {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	} else {
		ctx = s.limits.within(ctx)
	}
	err := s.ask(ctx, do)
	if redis.IsReadOnlyError(err) || kind == repeatable && broke(err) {
		err = s.ask(ctx, do)
	}
	if err != nil && timedOut(err) {
		patience.lose()
	}
	return err
}

// timedOut is true when an operation, or the wait for a connection, took too long.
func timedOut(err error) bool {
	var slow interface{ Timeout() bool }
	return errors.As(err, &slow) && slow.Timeout() || errors.Is(err, redis.ErrPoolTimeout)
}

// broke is true when a connection ended in the middle of an operation.
func broke(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// ask does an operation once. A node of a cluster that did not answer may have
// lost its place, so where the slots are now is asked at once: by itself the
// client would go on to ask that node for ten seconds.
func (s *Redis) ask(ctx context.Context, do func(context.Context) error) error {
	err := do(ctx)
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok || err == nil || answered(err) {
		return err
	}
	cluster.ReloadState(ctx)
	if silent := (unanswered{}); errors.As(err, &silent) {
		return silent.cause
	}
	return err
}

// pingAny asks all masters of a cluster at once, and is content with one answer. The
// client would ask one of them, whichever: with a node that hangs, all processes would
// seem to have lost their store now and then, while most sessions are well.
func pingAny(ctx context.Context, cluster *redis.ClusterClient) error {
	reload, cancel := context.WithTimeout(ctx, redisOperation)
	defer cancel()
	var answers atomic.Int32
	err := cluster.ForEachMaster(reload, func(_ context.Context, master *redis.Client) error {
		// Not with what is left: who the masters are may have taken all of it to ask,
		// node after node, and then goes by what was known before.
		ctx, cancel := context.WithTimeout(ctx, redisTimeout)
		defer cancel()
		err := master.Ping(ctx).Err()
		if err == nil {
			answers.Add(1)
		}
		return err
	})
	switch {
	case answers.Load() > 0:
		return nil
	case err == nil:
		return errors.New("no master is known")
	}
	return err
}

// answered is true for an error that a server sent.
func answered(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// connect makes the client. It does not connect.
func connect(options *redis.UniversalOptions) redis.UniversalClient {
	if !options.IsClusterMode {
		return redis.NewUniversalClient(options)
	}
	cluster := options.Cluster()
	// With policies of routing, which none of our commands needs, the client asks
	// some node for a list of all commands, waits for it for five seconds whatever
	// the deadline is, and asks again each time that a narrow user may not see it.
	cluster.DisableRoutingPolicies = true
	client := redis.NewClusterClient(cluster)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(nodeHook{}) })
	return client
}

// nodeHook makes the client of a cluster repeat only what a node has refused:
// because it serves the slot no more, or not yet. What a node did not answer the
// client would repeat as well, whatever it was.
type nodeHook struct{}

// unanswered hides from the client what is the matter with a node.
type unanswered struct{ cause error }

// Error says what the matter was.
func (e unanswered) Error() string { return "node did not answer: " + e.cause.Error() }

// hide leaves alone what is an answer, the caller's own deadline, or a client of
// a node that is none any more.
func hide(err error) error {
	if err == nil || answered(err) || errors.As(err, new(unanswered)) {
		return err
	}
	for _, plain := range []error{redis.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, plain) {
			return err
		}
	}
	return unanswered{err}
}

// DialHook changes nothing.
func (nodeHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook is around each command.
func (nodeHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error { return hide(next(ctx, command)) }
}

// ProcessPipelineHook is around a command that follows ASKING.
func (nodeHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error { return hide(next(ctx, commands)) }
}
