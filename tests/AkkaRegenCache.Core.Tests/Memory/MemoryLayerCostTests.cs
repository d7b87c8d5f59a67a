using System.Runtime.CompilerServices;
using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

public sealed class MemoryLayerCostTests
{
    [Fact]
    public void A_hit_allocates_nothing()
    {
        MemoryLayer layer = Layers.Of(1_000);
        string[] keys = [.. Enumerable.Range(0, 500).Select(i => $"k{i}")];
        foreach (string key in keys)
            layer.Put(key, 42);
        Hits(layer, keys);
        layer.AdvanceEpoch();

        long before = GC.GetAllocatedBytesForCurrentThread();
        int hits = Hits(layer, keys);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(keys.Length, hits);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void Replacing_a_value_allocates_nothing()
    {
        MemoryLayer layer = Layers.Of(1_000);
        object value = new();
        layer.Put("a", value);
        layer.Put("a", value);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1_000; i++)
            layer.Put("a", value);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void An_entry_takes_80_bytes_and_all_around_it_at_most_56()
    {
        if (IntPtr.Size != 8)
            return;
        long before = GC.GetAllocatedBytesForCurrentThread();
        var entry = new MemoryEntry("key", 1);
        Assert.Equal(80, GC.GetAllocatedBytesForCurrentThread() - before);
        GC.KeepAlive(entry);

        foreach (int count in new[] { 9_000, 9_500, 10_000, 50_000, 100_000 })
        {
            MemoryLayer layer = Layers.Of(count);
            for (int i = 0; i < count * 3; i++)
                layer.Put($"k{i}", "value");
            double around = ((layer.Table.Slots * 12.0) + (layer.Policy!.GhostSlots * 8.0)) / count;
            Assert.InRange(around, 8, 56);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hits(MemoryLayer layer, string[] keys)
    {
        int hits = 0;
        foreach (string key in keys)
        {
            MemoryEntry? entry = layer.Find(key);
            if (entry is null)
                continue;
            entry.OnHit(layer.Epoch);
            if (entry.Value is int)
                hits++;
        }

        return hits;
    }
}
