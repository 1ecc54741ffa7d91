package main

import (
	"log/slog"
	"net/netip"
	"strings"
)

// readOperation reads how torhaus runs rather than what it does.
func (c *Config) readOperation(e *environment) {
	c.TrustedProxies = e.networks("TRUSTED_PROXIES")
	if e.value("HSTS") != "0" {
		c.HSTS = e.duration("HSTS", 0)
	}
	if plain(c.PublicURL) {
		c.HSTS = 0 // browsers ignore it over http (RFC 6797 §8.1), and people would believe in it
	}
	if err := c.LogLevel.UnmarshalText([]byte(e.value("LOG_LEVEL"))); err != nil {
		e.refuse("LOG_LEVEL", "is no level", "set debug, info, warn or error")
	}
	if c.LogLevel < slog.LevelInfo && !c.development() {
		e.warn("LOG_LEVEL", "is debug", "go back to info when you have seen what you were after")
	}
}

// networks reads whose X-Forwarded-For counts. Everyone is not an answer: then
// any visitor writes the address by which he is rate limited (CVE-2026-40575).
func (e *environment) networks(name string) []netip.Prefix {
	var networks []netip.Prefix
	for item := range strings.SplitSeq(e.value(name), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := parseNetwork(item)
		if err != nil {
			e.refuse(name, "has an entry that is no network", "set something like 10.0.0.0/8,192.168.1.7")
			continue
		}
		if network.Bits() == 0 {
			e.refuse(name, "trusts the whole Internet ("+network.String()+")", "list your proxies alone")
			continue
		}
		networks = append(networks, network)
	}
	return networks
}

// parseNetwork accepts a single address as the network of that address alone.
func parseNetwork(item string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(item); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(item)
	return network.Masked(), err
}
