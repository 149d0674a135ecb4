package sealedstorageextension

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/extension/sealedstorageextension/internal/metadatatest"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

var (
	fileID    = component.MustNewIDWithName("file_storage", "state")
	watcherID = component.MustNewID("watcher")
)

// store is a real file_storage with a sealed_storage over it.
type store struct {
	t    *testing.T
	dir  string
	host *storagetest.StorageHost
	tel  *componenttest.Telemetry
}

func newStore(t *testing.T) *store {
	s := &store{t: t, dir: t.TempDir(), tel: componenttest.NewTelemetry()}
	t.Cleanup(func() { assert.NoError(t, s.tel.Shutdown(context.Background())) })
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = s.dir
	cfg.Compaction.Directory = s.dir
	files, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	s.host = storagetest.NewStorageHost().WithExtension(fileID, files)
	return s
}

// start starts a sealed_storage as a new process would; stop it by the cleanup or earlier.
func (s *store) start(cfg *Config) storage.Extension {
	s.t.Helper()
	if cfg.Storage == (component.ID{}) {
		cfg.Storage = fileID
	}
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = s.tel.NewTelemetrySettings()
	ext, err := NewFactory().Create(s.t.Context(), set, cfg)
	require.NoError(s.t, err)
	require.NoError(s.t, ext.Start(s.t.Context(), s.host))
	s.t.Cleanup(func() { assert.NoError(s.t, ext.Shutdown(context.Background())) })
	return ext.(storage.Extension)
}

func (s *store) client(ext storage.Extension, name string) storage.Client {
	s.t.Helper()
	c, err := ext.GetClient(s.t.Context(), component.KindReceiver, watcherID, name)
	require.NoError(s.t, err)
	return c
}

// use opens a client with one key, runs f, and closes the client, as one run of a collector does.
func (s *store) use(cfg *Config, f func(c storage.Client)) {
	s.t.Helper()
	c := s.client(s.start(cfg), "")
	f(c)
	require.NoError(s.t, c.Close(s.t.Context()))
}

// inner gives the wrapped client, for what an attacker with the disk can do.
func (s *store) inner(name string, f func(c storage.Client)) {
	s.t.Helper()
	c, err := s.host.GetExtensions()[fileID].(storage.Extension).GetClient(s.t.Context(), component.KindReceiver, watcherID, name)
	require.NoError(s.t, err)
	f(c)
	require.NoError(s.t, c.Close(s.t.Context()))
}

func keyed(keys ...configopaque.String) *Config { return &Config{Key: keys[0], PreviousKeys: keys[1:]} }

func TestAComponentNoticesNothing(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	s.use(keyed(testKey), func(c storage.Client) {
		value, err := c.Get(ctx, "absent")
		require.NoError(t, err)
		assert.Nil(t, value)
		require.NoError(t, c.Delete(ctx, "absent"))
		require.NoError(t, c.Set(ctx, "offset", []byte("17")))
		require.NoError(t, c.Set(ctx, "empty", nil))
		require.NoError(t, c.Set(ctx, "", []byte("under no key")))
	})
	s.use(keyed(testKey), func(c storage.Client) { // after a restart
		get, absent, late := storage.GetOperation("offset"), storage.GetOperation("gone"), storage.GetOperation("offset")
		require.NoError(t, c.Batch(ctx, get, absent, storage.SetOperation("offset", []byte("18")), late, storage.DeleteOperation("")))
		assert.Equal(t, "17", string(get.Value))
		assert.Nil(t, absent.Value)
		assert.Equal(t, "18", string(late.Value), "operations take place in their order")
		value, err := c.Get(ctx, "empty")
		require.NoError(t, err)
		assert.NotNil(t, value, "stored empty is not absent")
		assert.Empty(t, value)
		assert.Equal(t, map[string]string{"offset": "18", "empty": ""}, walk(t, c))
		require.ErrorContains(t, c.Batch(ctx, &storage.Operation{Type: 9}), "must be get, set or delete, found 9")
	})
}

func walk(t *testing.T, c storage.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, c.(storage.Walker).Walk(t.Context(), func(key string, value []byte) ([]*storage.Operation, error) {
		all[key] = string(value)
		return nil, nil
	}))
	return all
}

func TestWalkCarriesOutWhatItIsTold(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	s.use(keyed(testKey), func(c storage.Client) {
		for i := range 5 {
			require.NoError(t, c.Set(ctx, fmt.Sprint(i), []byte("old")))
		}
		w := c.(storage.Walker)
		get := storage.GetOperation("new")
		require.NoError(t, w.Walk(ctx, func(key string, _ []byte) ([]*storage.Operation, error) {
			return []*storage.Operation{storage.DeleteOperation(key), storage.SetOperation("new", []byte(key)), get}, nil
		}))
		assert.NotEmpty(t, get.Value)
		assert.Equal(t, map[string]string{"new": string(get.Value)}, walk(t, c))

		require.NoError(t, w.Walk(ctx, func(string, []byte) ([]*storage.Operation, error) {
			return []*storage.Operation{storage.SetOperation("kept", nil)}, storage.SkipAll
		}))
		assert.Contains(t, walk(t, c), "kept")
		stop := errors.New("stop")
		require.ErrorIs(t, w.Walk(ctx, func(string, []byte) ([]*storage.Operation, error) {
			return []*storage.Operation{storage.SetOperation("dropped", nil)}, stop
		}), stop)
		assert.NotContains(t, walk(t, c), "dropped")
	})
}

func TestNothingLiesInClearOnTheDisk(t *testing.T) {
	s := newStore(t)
	canary := strings.Repeat("canary-value-", 3)
	path := "/var/log/canary-path/access.log"
	s.use(keyed(testKey), func(c storage.Client) {
		require.NoError(t, c.Set(t.Context(), path, []byte(canary)))
		require.NoError(t, c.Batch(t.Context(), storage.SetOperation("again", []byte(canary+canary))))
	})
	files := 0
	require.NoError(t, filepath.WalkDir(s.dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(file)
		for _, clear := range []string{"canary", path, "again", testKey, "only a test value"} {
			assert.NotContains(t, string(content), clear, file)
		}
		return err
	}))
	assert.NotZero(t, files)
}

func TestOneStoreOpensOnlyForItsOwner(t *testing.T) {
	s := newStore(t)
	ext := s.start(keyed(testKey))
	a, b := s.client(ext, "a"), s.client(ext, "b")
	require.NoError(t, a.Set(t.Context(), "key", []byte("of a")))
	require.NoError(t, b.Set(t.Context(), "key", []byte("of b")))
	require.NoError(t, a.Close(t.Context()))
	require.NoError(t, b.Close(t.Context()))
	from, err := os.ReadFile(filepath.Join(s.dir, "receiver_watcher__a"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "receiver_watcher__b"), from, 0o600))
	_, err = ext.GetClient(t.Context(), component.KindReceiver, watcherID, "b")
	require.EqualError(t, err, "a stored value of Receiver watcher b does not open: it was changed, or moved from another place")
	s.assertFailures(map[reason]int64{reasonForged: 1})
}

func (s *store) assertFailures(want map[reason]int64) {
	s.t.Helper()
	var points []metricdata.DataPoint[int64]
	for r, n := range want {
		points = append(points, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", string(r)))})
	}
	metadatatest.AssertEqualExtensionSealedStorageOpenFailures(s.t, s.tel, points, metricdatatest.IgnoreTimestamp())
}

func TestSwappedAndSpoiltValuesAreErrors(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	s.use(keyed(testKey), func(c storage.Client) {
		require.NoError(t, c.Set(ctx, "one", []byte("first")))
		require.NoError(t, c.Set(ctx, "two", []byte("second")))
		require.NoError(t, c.Set(ctx, "three", []byte("third")))
	})
	s.inner("", func(c storage.Client) {
		var names []string
		var values [][]byte
		require.NoError(t, c.(storage.Walker).Walk(ctx, func(name string, value []byte) ([]*storage.Operation, error) {
			if name != recordName {
				names, values = append(names, name), append(values, bytes.Clone(value))
			}
			return nil, nil
		}))
		require.Len(t, names, 3)
		require.NoError(t, c.Batch(ctx, storage.SetOperation(names[0], values[1]), storage.SetOperation(names[1], values[0]),
			storage.SetOperation(names[2], []byte("in clear"))))
	})
	s.use(keyed(testKey), func(c storage.Client) {
		for _, key := range []string{"one", "two", "three"} {
			value, err := c.Get(ctx, key)
			require.ErrorContains(t, err, "a stored value of Receiver watcher does not open: it ")
			assert.Nil(t, value)
		}
		err := c.(storage.Walker).Walk(ctx, func(string, []byte) ([]*storage.Operation, error) {
			t.Error("nothing there opens")
			return nil, nil
		})
		require.Error(t, err)
		require.NoError(t, c.Set(ctx, "one", []byte("anew")), "a new value replaces the spoilt one")
		value, err := c.Get(ctx, "one")
		require.NoError(t, err)
		assert.Equal(t, "anew", string(value))
	})
	s.assertFailures(map[reason]int64{reasonForged: 3, reasonMalformed: 1})
}

func TestChangeOfAConfiguredKey(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	s.use(keyed(testKey), func(c storage.Client) {
		require.NoError(t, c.Set(ctx, "old", []byte("sealed before")))
		require.NoError(t, c.Set(ctx, "both", []byte("before")))
	})
	s.use(keyed(otherKey, testKey), func(c storage.Client) {
		require.NoError(t, c.Set(ctx, "both", []byte("after")))
		assert.Equal(t, map[string]string{"old": "sealed before", "both": "after"}, walk(t, c))
	})
	s.use(keyed(otherKey), func(c storage.Client) { // the previous key was taken out too early
		value, err := c.Get(ctx, "both")
		require.NoError(t, err)
		assert.Equal(t, "after", string(value))
		_, err = c.Get(ctx, "old")
		require.EqualError(t, err, "a stored value of Receiver watcher does not open: "+
			"it was sealed with a key that is not in use and not in `previous_keys`")
	})
	_, err := s.start(keyed(testKey)).GetClient(ctx, component.KindReceiver, watcherID, "")
	require.ErrorContains(t, err, "a key that is not in use", "a wrong key is no empty storage")
	s.assertFailures(map[reason]int64{reasonUnknownKey: 2})
}

func TestKeysFollowTheKeyRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		ctx := t.Context()
		path := filepath.Join(t.TempDir(), "keyring.yaml")
		cfg := &Config{Keyring: configoptional.Some(KeyringConfig{Path: path, Create: true})}
		nextLook := func() {
			<-time.After(10 * time.Second)
			synctest.Wait()
		}
		s.use(cfg, func(c storage.Client) {
			require.NoError(t, c.Set(ctx, "old", []byte("epoch 1")))
			require.NoError(t, c.Set(ctx, "both", []byte("epoch 1")))
			_, err := fingerprint.Rotate(path, fingerprint.RotateOptions{})
			require.NoError(t, err)
			nextLook()
			require.NoError(t, c.Set(ctx, "both", []byte("epoch 2")))
			assert.Equal(t, map[string]string{"old": "epoch 1", "both": "epoch 2"}, walk(t, c))
		})
		require.NoError(t, fingerprint.Retire(path, 1))
		require.NoError(t, fingerprint.Destroy(path, 1, fingerprint.DestroyOptions{Forget: true}))
		s.use(cfg, func(c storage.Client) {
			value, err := c.Get(ctx, "both")
			require.NoError(t, err, "what was written since the rotation needs no old epoch")
			assert.Equal(t, "epoch 2", string(value))
			_, err = c.Get(ctx, "old")
			require.ErrorContains(t, err, "a key that is not in use", "unknown is not absent")
		})
		nextLook() // shutdown of the first
	})
}

func TestUnsealedStateIsNotLeftBehind(t *testing.T) {
	s := newStore(t)
	s.inner("", func(c storage.Client) { require.NoError(t, c.Set(t.Context(), "offset", []byte("in clear"))) })
	_, err := s.start(keyed(testKey)).GetClient(t.Context(), component.KindReceiver, watcherID, "")
	require.EqualError(t, err, "`storage` must be empty or sealed, found unsealed values of Receiver watcher: "+
		"remove them or take another storage")
	s.inner("", func(c storage.Client) { require.NoError(t, c.Delete(t.Context(), "offset")) }) // not locked by the refusal
	s.use(keyed(testKey), func(storage.Client) {})
}

func TestAStorageWithoutWalkHasNone(t *testing.T) {
	s := newStore(t)
	s.host.WithInMemoryStorageExtension("plain").WithNonStorageExtension("none")
	s.use(&Config{Key: testKey, Storage: storagetest.NewStorageID("plain")}, func(c storage.Client) {
		_, ok := c.(storage.Walker)
		assert.False(t, ok)
		require.NoError(t, c.Set(t.Context(), "key", []byte("value")))
		value, err := c.Get(t.Context(), "key")
		require.NoError(t, err)
		assert.Equal(t, "value", string(value))
	})
}

func TestWhatItWraps(t *testing.T) {
	s := newStore(t)
	s.host.WithNonStorageExtension("none")
	ext := s.start(keyed(testKey))
	assert.Equal(t, []component.ID{fileID}, ext.(extensioncapabilities.Dependent).Dependencies())
	for id, want := range map[component.ID]string{
		component.MustNewID("absent"):       "`storage` must name an extension of this collector, found \"absent\"",
		storagetest.NewNonStorageID("none"): "`storage` must name a storage extension, found \"non_storage/none\"",
	} {
		_, err := s.start(&Config{Key: testKey, Storage: id}).GetClient(t.Context(), component.KindReceiver, watcherID, "")
		require.EqualError(t, err, want)
	}
	unstarted, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), &Config{Storage: fileID, Key: testKey})
	require.NoError(t, err)
	_, err = unstarted.(storage.Extension).GetClient(t.Context(), component.KindReceiver, watcherID, "")
	require.EqualError(t, err, "sealed storage is not started")
	require.NoError(t, unstarted.Shutdown(t.Context()))
}

func TestStartNeedsItsKey(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "keyring.yaml")
	var ext extension.Extension
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), &Config{
		Storage: fileID, Keyring: configoptional.Some(KeyringConfig{Path: missing}),
	})
	require.NoError(t, err)
	require.ErrorIs(t, ext.Start(t.Context(), componenttest.NewNopHost()), fs.ErrNotExist)
	require.NoError(t, ext.Shutdown(t.Context()))
}

// fullStorage refuses to write and still reads and deletes, as file_storage does at its limit.
type fullStorage struct{ storage.Client }

func (fullStorage) Set(context.Context, string, []byte) error { return storage.ErrStorageFull }

func TestAFullStorageCanBeDrainedAfterARotation(t *testing.T) {
	inner := storagetest.NewInMemoryClient(component.KindReceiver, watcherID, "")
	old, both := testSealer(t, testKey), testSealer(t, otherKey, testKey)
	n, err := openNames(t.Context(), inner, old, "owner")
	require.NoError(t, err)
	require.NoError(t, n.reseal(t.Context(), fullStorage{inner}, both))
	assert.Equal(t, old.sealing(), n.by, "tried again at the next use")
	require.NoError(t, n.reseal(t.Context(), inner, both))
	assert.Equal(t, both.sealing(), n.by)
	_, err = openNames(t.Context(), fullStorage{storagetest.NewInMemoryClient(component.KindReceiver, watcherID, "x")}, both, "owner")
	require.ErrorIs(t, err, storage.ErrStorageFull, "a new store cannot begin")
}
