package session

// Key is one secret of the operator. It prints as [redacted].
type Key struct{ secret []byte }

// Keys are the operator's secrets: the first writes, all read.
type Keys []Key

// ParseKeys reads comma-separated base64, at least 32 random bytes each.
func ParseKeys(list string) (Keys, error) { return nil, errSkeleton }

// GenerateKey makes a key for a process that keeps nothing beyond its own life.
func GenerateKey() Key { return Key{} }
