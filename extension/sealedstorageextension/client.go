package sealedstorageextension

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// client seals what one component stores. Every batch is one batch of the wrapped client, so that it stays as atomic
// as the wrapped storage makes it.
type client struct {
	inner storage.Client
	keys  keySource
	meter *meter
	owner string
	names *names
}

// walkingClient is a client of a storage that can be walked.
type walkingClient struct {
	*client
	walker storage.Walker
}

var _ storage.Walker = (*walkingClient)(nil)

// openClient takes over inner; after an error it is closed.
func openClient(ctx context.Context, inner storage.Client, keys keySource, m *meter, owner string) (storage.Client, error) {
	s, err := keys.current()
	if err != nil {
		return nil, errors.Join(err, inner.Close(ctx))
	}
	n, err := openNames(ctx, inner, s, owner)
	m.failed(ctx, err)
	if err != nil {
		return nil, errors.Join(err, inner.Close(ctx))
	}
	c := &client{inner: inner, keys: keys, meter: m, owner: owner, names: n}
	if w, ok := inner.(storage.Walker); ok {
		return &walkingClient{c, w}, nil
	}
	return c, nil
}

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *client) Close(ctx context.Context) error { return c.inner.Close(ctx) }

// sealer returns the keys in force, after it has seen to it that the names stay readable with them.
func (c *client) sealer(ctx context.Context) (*sealer, error) {
	s, err := c.keys.current()
	if err != nil {
		return nil, err
	}
	return s, c.names.reseal(ctx, c.inner, s)
}

// Batch carries out all operations or none, as the wrapped storage does; a value that then does not open is an error
// of the whole batch, although the other operations took place.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	s, err := c.sealer(ctx)
	if err != nil {
		return err
	}
	t := translation{client: c, sealer: s}
	inner, err := t.add(ops)
	if err != nil {
		return err
	}
	if err := c.inner.Batch(ctx, inner...); err != nil {
		return err
	}
	return t.finish(ctx)
}

// Walk opens every value on the way. The key it gives is the one the component used, not the stored name.
func (c *walkingClient) Walk(ctx context.Context, fn storage.WalkFunc) error {
	s, err := c.sealer(ctx)
	if err != nil {
		return err
	}
	t := translation{client: c.client, sealer: s}
	err = c.walker.Walk(ctx, func(name string, sealed []byte) ([]*storage.Operation, error) {
		if name == recordName {
			return nil, nil
		}
		key, value, err := s.open(c.owner, name, sealed)
		c.meter.opened(ctx, err)
		if err != nil {
			return nil, err
		}
		ops, verdict := fn(key, value)
		if verdict != nil && !errors.Is(verdict, storage.SkipAll) {
			return nil, verdict
		}
		inner, err := t.add(ops)
		if err != nil {
			return nil, err
		}
		return inner, verdict
	})
	if err != nil {
		return err
	}
	return t.finish(ctx)
}

// translation turns a component's operations into those of the wrapped storage, and their results back.
type translation struct {
	client *client
	sealer *sealer
	gets   []pendingGet
	sealed int
}

type pendingGet struct{ outer, inner *storage.Operation }

func (t *translation) add(ops []*storage.Operation) ([]*storage.Operation, error) {
	all := make([]*storage.Operation, 0, len(ops))
	for _, op := range ops {
		inner := &storage.Operation{Key: t.client.names.of(op.Key), Type: op.Type}
		switch op.Type {
		case storage.Get:
			t.gets = append(t.gets, pendingGet{op, inner})
		case storage.Set:
			sealed, err := t.sealer.seal(t.client.owner, inner.Key, op.Key, op.Value)
			if err != nil {
				return nil, err
			}
			inner.Value = sealed
			t.sealed++
		case storage.Delete:
		default:
			return nil, fmt.Errorf("storage operation type must be get, set or delete, found %d", op.Type)
		}
		all = append(all, inner)
	}
	return all, nil
}

// finish opens what was got, into the component's operations.
func (t *translation) finish(ctx context.Context) error {
	t.client.meter.sealed(ctx, t.sealed)
	var errs []error
	for _, g := range t.gets {
		g.outer.Value = nil
		if g.inner.Value == nil {
			continue
		}
		_, value, err := t.sealer.open(t.client.owner, g.inner.Key, g.inner.Value)
		t.client.meter.opened(ctx, err)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		g.outer.Value = value
	}
	return errors.Join(errs...)
}
