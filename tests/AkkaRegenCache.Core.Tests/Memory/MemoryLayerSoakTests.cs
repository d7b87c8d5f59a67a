using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

/// <summary>Readers against the writer, for real: what a reader may never see, whatever the writer is doing.</summary>
public sealed class MemoryLayerSoakTests
{
    private const int Rounds = 300_000;
    private const int Readers = 3;

    [Fact]
    public void Present_keys_are_never_missed_and_never_go_back_while_others_come_and_go()
    {
        string[] warm = [.. Enumerable.Range(0, 200).Select(i => $"warm:{i}")];
        int tables = 0;
        for (int life = 0; life < 30; life++)
        {
            MemoryLayer layer = Layers.Of(1_000_000);
            foreach (string key in warm)
                layer.Put(key, 0L);
            Soak(() => tables += ComeAndGo(layer, warm, new Random(life)), (random, done) => ReadWarm(layer, warm, random, done));
        }

        Assert.True(tables > 100, "The table was hardly ever rebuilt: this tested little.");
    }

    /// <summary>Other keys grow to some thousands, and shrink to some hundreds, while the warm ones get new values.</summary>
    private static int ComeAndGo(MemoryLayer layer, string[] warm, Random random)
    {
        EntryTable last = layer.Table;
        int tables = 0;
        var others = new List<string>();
        for (int i = 1; i <= Rounds / 30; i++)
        {
            layer.Put(warm[random.Next(warm.Length)], (long)i);
            bool grows = i / 3_000 % 2 == 0 || others.Count < 300;
            if (grows || random.Next(3) == 0)
            {
                others.Add($"other:{i}");
                layer.Put(others[^1], i);
            }
            else
            {
                int at = random.Next(others.Count);
                Assert.True(layer.Remove(others[at]));
                others[at] = others[^1];
                others.RemoveAt(others.Count - 1);
            }

            if (!ReferenceEquals(layer.Table, last))
            {
                last = layer.Table;
                tables++;
            }
        }

        return tables;
    }

    private static void ReadWarm(MemoryLayer layer, string[] warm, Random random, Func<bool> done)
    {
        var seen = new long[warm.Length];
        while (!done())
        {
            int at = random.Next(warm.Length);
            MemoryEntry? entry = layer.Find(warm[at]);
            Assert.NotNull(entry);
            entry.OnHit(layer.Epoch);
            long value = Assert.IsType<long>(entry.Value);
            Assert.True(value >= seen[at], "A value went back.");
            seen[at] = value;
        }
    }

    [Fact]
    public void A_removed_key_is_never_served_after_the_removal_returned()
    {
        MemoryLayer layer = Layers.Of(1_000_000);
        const int Kept = 64;
        string[] keys = [.. Enumerable.Range(0, Rounds).Select(i => $"k{i}")];
        var entries = new MemoryEntry?[Rounds];
        int removed = -1;

        Soak(
            writer: () =>
            {
                for (int i = 0; i < Rounds; i++)
                {
                    layer.Set(keys[i], null, keys[i], null, i, 1, out entries[i]);
                    if (i < Kept)
                        continue;
                    layer.Remove(keys[i - Kept]);
                    Volatile.Write(ref removed, i - Kept);
                }
            },
            reader: (random, done) =>
            {
                while (!done())
                {
                    int newest = Volatile.Read(ref removed);
                    if (newest < 0)
                        continue;
                    int at = Math.Max(0, newest - random.Next(100));
                    Assert.Null(layer.Find(keys[at]));
                    Assert.False(entries[at]!.TryRead(out _, out _));

                    // Deserializes what is about to be removed: the result must not bring the entry back to life.
                    MemoryEntry? next = Volatile.Read(ref entries[newest + 1]);
                    if (next?.Payload is { } payload)
                        next.TryMaterialize(payload, "value");
                }
            });

        for (int i = 0; i < Rounds - Kept; i++)
            Assert.False(entries[i]!.TryRead(out _, out _));
    }

    [Fact]
    public void The_bounds_hold_at_every_instant_a_reader_looks()
    {
        // Sizes around 50: now the one bound is reached first, now the other.
        const int MaxEntries = 400, MaxBytes = 20_000;
        MemoryLayer layer = Layers.Of(MaxEntries, MaxBytes);
        string[] keys = [.. Enumerable.Range(0, 3_000).Select(i => $"k{i}")];

        Soak(
            writer: () =>
            {
                var random = new Random(2);
                for (int i = 0; i < Rounds; i++)
                    layer.Put(keys[random.Next(keys.Length)], keys, size: random.Next(100));
            },
            reader: (random, done) =>
            {
                while (!done())
                {
                    Assert.InRange(layer.Count, 0, MaxEntries);
                    Assert.InRange(layer.Bytes, 0, MaxBytes);
                    layer.Read(keys[random.Next(100)]);
                }
            });

        Assert.True(layer.Count > 100);
    }

    private static void Soak(Action writer, Action<Random, Func<bool>> reader)
    {
        bool done = false;
        using var ready = new Barrier(Readers + 1);
        Task[] readers = [.. Enumerable.Range(0, Readers).Select(i => Task.Factory.StartNew(
            () =>
            {
                ready.SignalAndWait();
                reader(new Random(i), () => Volatile.Read(ref done));
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        ready.SignalAndWait();
        try
        {
            writer();
        }
        finally
        {
            Volatile.Write(ref done, true);
            Task.WaitAll(readers);
        }
    }
}
