package zitadelclient

import "context"

// AwaitRefresh waits for the refresh of a cache entry that is under way, if
// any: it joins the flight, or finds it landed.
func (c *Client) AwaitRefresh(key string) {
	<-c.flights.start(key, func(context.Context) (any, error) { return nil, nil })
}
