package session

import (
	"context"
	"sync"
	"time"
)

// spy counts what reaches a store.
type spy struct {
	Store
	mu            sync.Mutex
	reads, writes int
}

func (s *spy) count(reads, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads += reads
	s.writes += writes
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, error) {
	s.count(1, 0)
	return s.Store.Get(ctx, key)
}

func (s *spy) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	s.count(0, 1)
	return s.Store.Put(ctx, key, value, ttl)
}

func (s *spy) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	s.count(0, 1)
	return s.Store.Swap(ctx, key, old, new, ttl)
}

func (s *spy) Delete(ctx context.Context, keys ...string) error {
	s.count(0, 1)
	return s.Store.Delete(ctx, keys...)
}

func (s *spy) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	s.count(0, 1)
	return s.Store.Add(ctx, index, member, ttl)
}

func (s *spy) Remove(ctx context.Context, index, member string) error {
	s.count(0, 1)
	return s.Store.Remove(ctx, index, member)
}

func (s *spy) Members(ctx context.Context, index string) ([]string, error) {
	s.count(1, 0)
	return s.Store.Members(ctx, index)
}

func (s *spy) Take(ctx context.Context, bucket string, rate Rate) (time.Duration, error) {
	s.count(0, 1)
	return s.Store.Take(ctx, bucket, rate)
}

// interrupted lets a test do something in the middle of an operation.
type interrupted struct {
	*Memory
	onPut, onSwap, onGot func()
}

func (s *interrupted) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Memory.Get(ctx, key)
	if s.onGot != nil {
		s.onGot()
	}
	return value, err
}

func (s *interrupted) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s.onPut != nil {
		s.onPut()
	}
	return s.Memory.Put(ctx, key, value, ttl)
}

func (s *interrupted) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	if s.onSwap != nil {
		s.onSwap()
	}
	return s.Memory.Swap(ctx, key, old, new, ttl)
}
