package awsapi

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"lpipe/internal/deploy"
)

// Event is a line of a log.
type Event struct {
	ID      string
	At      time.Time
	Message string
}

// betweenReads is how long Tail waits: CloudWatch answers five requests a second of an account and a region, of
// everybody: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
const betweenReads = 2 * time.Second

// late is how long after it happened an event may come to CloudWatch.
const late = 30 * time.Second

// Tail calls each with the events of a log group since a time, the oldest first, and with those that come until ctx is done if it is to
// follow. Each read begins before the last one ended, and before now, whatever the clock of a function says.
func (c *Client) Tail(ctx context.Context, group string, since time.Time, follow bool, each func(Event)) error {
	seen := map[string]time.Time{}
	for {
		err := c.events(ctx, group, since, func(e Event) {
			if _, again := seen[e.ID]; again {
				return
			}
			seen[e.ID] = e.At
			each(e)
			at := e.At
			if now := time.Now(); at.After(now) {
				at = now
			}
			if at = at.Add(-late); at.After(since) {
				since = at
			}
		})
		if errors.Is(err, deploy.ErrNotFound) { // it is made with the first line
			err = nil
		}
		if err != nil || !follow {
			return err
		}
		for id, at := range seen {
			if at.Before(since) {
				delete(seen, id)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(betweenReads):
		}
	}
}

// events are those of a log group since a time, the oldest first.
func (c *Client) events(ctx context.Context, group string, since time.Time, each func(Event)) error {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())}
	for {
		page, err := c.filterLogEvents(ctx, in)
		if err != nil {
			return failed(ctx, "logs:FilterLogEvents", group, err)
		}
		for _, e := range page.Events {
			each(Event{ID: aws.ToString(e.EventId), At: time.UnixMilli(aws.ToInt64(e.Timestamp)), Message: aws.ToString(e.Message)})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}
