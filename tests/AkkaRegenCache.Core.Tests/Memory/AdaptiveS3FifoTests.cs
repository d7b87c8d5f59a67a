using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

public sealed class AdaptiveS3FifoTests
{
    [Fact]
    public void Keys_that_are_read_survive_a_scan_many_times_the_capacity()
    {
        MemoryLayer layer = Layers.Of(1_000);
        var hot = Enumerable.Range(0, 500).Select(i => $"hot:{i}").ToList();
        foreach (string key in hot)
            layer.Put(key, 1);
        foreach (string key in hot)
            layer.Read(key);

        for (int i = 0; i < 20_000; i++)
            layer.Put($"scan:{i}", 0);

        Assert.True(hot.Count(key => layer.Find(key) is not null) > 450);
    }

    [Fact]
    public void A_loop_twice_as_long_as_the_layer_hits_nearly_half_the_time()
    {
        MemoryLayer layer = Layers.Of(900);

        Assert.InRange(HitRatio(layer, Enumerable.Range(0, 50_000).Select(i => i % 1_800)), 0.4, 0.5);
    }

    [Fact]
    public void Bursts_of_use_let_the_small_queue_grow_and_a_steady_popularity_lets_it_shrink()
    {
        MemoryLayer layer = Layers.Of(200);
        // Each key twice, 100 other keys apart: too far for a small queue of a tenth, near enough for one of two thirds.
        double hits = HitRatio(layer, Enumerable.Range(0, 100_000).Select(i => i % 2 == 0 ? i / 2 : (i / 2) - 100));
        double bursts = layer.Policy!.SmallShare;

        var random = new Random(1);
        HitRatio(layer, Enumerable.Range(0, 200_000).Select(_ => -1 - (int)(2_000 * Math.Pow(random.NextDouble(), 3))));
        double steady = layer.Policy.SmallShare;

        Assert.InRange(hits, 0.45, 0.5);
        Assert.InRange(bursts, 0.5, 0.9);
        Assert.InRange(steady, 0.01, 0.1);
    }

    [Fact]
    public void A_shift_to_wholly_new_keys_is_followed()
    {
        MemoryLayer layer = Layers.Of(1_000);
        HitRatio(layer, Enumerable.Range(0, 50_000).Select(i => i % 800));

        double after = HitRatio(layer, Enumerable.Range(0, 50_000).Select(i => 10_000 + (i % 800)));

        Assert.InRange(after, 0.9, 1);
    }

    [Fact]
    public void When_everything_is_hot_a_place_is_found_without_walking_through_everything()
    {
        var policy = new AdaptiveS3Fifo();
        var entries = Enumerable.Range(0, 100_000).Select(i => new MemoryEntry($"k{i}", (uint)i * 2_654_435_761)).ToList();
        foreach (MemoryEntry entry in entries)
        {
            policy.Add(entry, known: true);
            entry.OnHit(1);
            entry.OnHit(1);
        }

        MemoryEntry victim = policy.Evict(spared: null);

        Assert.InRange(entries.IndexOf(victim), 0, 600);
        Assert.Equal(100_000 - 512, entries.Count(entry => entry.Frequency == MemoryEntry.MaxFrequency));
    }

    [Theory]
    [InlineData(1_000, null)]
    [InlineData(100_000, 10_000L)]
    public void Ghosts_take_no_more_room_than_the_entries_there_were(long maxEntries, long? maxBytes)
    {
        MemoryLayer layer = Layers.Of(maxEntries, maxBytes);
        for (int i = 0; i < 200_000; i++)
            layer.Put($"k{i}", i, size: 10);

        Assert.InRange(layer.Policy!.GhostSlots, 1_000, 2_000);
    }

    private static double HitRatio(MemoryLayer layer, IEnumerable<int> requests)
    {
        int hits = 0, all = 0;
        foreach (int request in requests)
        {
            all++;
            string key = $"k{request}";
            if (layer.Read(key) is not null)
                hits++;
            else
                layer.Put(key, key);
        }

        return (double)hits / all;
    }
}
