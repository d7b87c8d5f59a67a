using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

public sealed class EntryTableTests
{
    [Fact]
    public void Every_key_is_found_while_the_table_grows()
    {
        MemoryLayer layer = Layers.Of(1_000_000);
        for (int i = 0; i < 20_000; i++)
        {
            layer.Put($"k{i}", i);
            Assert.Equal(i / 2, layer.Read($"k{i / 2}"));
        }

        for (int i = 0; i < 20_000; i++)
            Assert.Equal(i, layer.Read($"k{i}"));
        Assert.InRange(layer.Table.Slots, 20_000, 80_000);
    }

    [Fact]
    public void A_table_with_steady_churn_does_not_grow()
    {
        MemoryLayer layer = Layers.Of(10_000);
        for (int i = 0; i < 200_000; i++)
        {
            layer.Put($"k{i}", i);
            if (i >= 1_000)
                layer.Remove($"k{i - 1_000}");
        }

        Assert.InRange(layer.Table.Slots, 1_024, 4_096);
    }

    [Fact]
    public void A_table_that_lost_most_of_its_keys_shrinks_when_it_is_next_rebuilt()
    {
        var table = new EntryTable(KeyHash.Random());
        for (int i = 0; i < 10_000; i++)
        {
            if (table.IsFull)
                table = table.Rebuilt(i);
            table.Insert(new MemoryEntry($"k{i}", table.HashOf($"k{i}")));
        }

        for (int i = 100; i < 10_000; i++)
            table.Remove(table.Find($"k{i}")!);
        table = table.Rebuilt(100);

        Assert.InRange(table.Slots, 200, 512);
        for (int i = 0; i < 10_000; i++)
            Assert.Equal(i < 100, table.Find($"k{i}") is not null);
    }

    [Fact]
    public void Keys_chosen_to_collide_make_it_change_to_the_randomized_hash()
    {
        var layer = new MemoryLayer(new MemoryLayerOptions { MaxEntries = 100_000, Hash = Layers.BrokenHash() });
        Assert.Equal(layer.Table.HashOf(Layers.CollidingKey(1)), layer.Table.HashOf(Layers.CollidingKey(2)));

        for (int i = 0; i < 5_000; i++)
        {
            layer.Put(Layers.CollidingKey(i), i);
            if (i is < 250 or > 270)
                Assert.Equal(i > 270, layer.Table.IsRandomized);
            if (i == 200)
                layer.Remove(Layers.CollidingKey(17));
        }

        for (int i = 0; i < 5_000; i++)
            Assert.Equal(i == 17 ? null : i, layer.Read(Layers.CollidingKey(i)));
        Assert.Null(layer.Find(Layers.CollidingKey(5_000)));
        for (int i = 0; i < 5_000; i++)
            Assert.Equal(i != 17, layer.Remove(Layers.CollidingKey(i)));
        Assert.Equal(0, layer.Count);
    }

    [Fact]
    public void Ordinary_keys_never_make_it_change()
    {
        MemoryLayer layer = Layers.Of(1_000_000);
        for (int i = 0; i < 200_000; i++)
            layer.Put($"https://shop.example/product/{i}?currency=EUR", i);

        Assert.False(layer.Table.IsCrowded);
        Assert.False(layer.Table.IsRandomized);
    }

    [Theory]
    [InlineData("{0}")]
    [InlineData("k{0}")]
    [InlineData("product:{0}:price")]
    [InlineData("{0}/a/rather/long/tail/that/is/always/the/same")]
    public void The_hash_spreads_keys_that_differ_little(string format)
    {
        var hash = KeyHash.Random();
        const int Keys = 65_536, Buckets = 4_096;
        var low = new int[Buckets];
        var high = new int[Buckets];
        for (int i = 0; i < Keys; i++)
        {
            uint h = hash.Of(string.Format(null, format, i));
            low[h % Buckets]++;
            high[h / (uint)(uint.MaxValue / Buckets + 1)]++;
        }

        // Sixteen on average; chi squared of 4,095 degrees of freedom is 4,095 ± 90, and ten deviations do not happen.
        Assert.InRange(low.Sum(n => Math.Pow(n - 16, 2) / 16), 3_200, 5_000);
        Assert.InRange(high.Sum(n => Math.Pow(n - 16, 2) / 16), 3_200, 5_000);
    }

    [Fact]
    public void The_hash_spreads_short_keys_under_any_secrets()
    {
        const int Keys = 16_384, Buckets = 1_024;
        string[] keys = [.. Enumerable.Range(0, Keys).Select(i => i.ToString(null as IFormatProvider))];
        var random = new Random(7);
        double worst = 0;
        for (int draw = 0; draw < 500; draw++)
        {
            var hash = new KeyHash((ulong)random.NextInt64(), (ulong)random.NextInt64());
            var low = new int[Buckets];
            foreach (string key in keys)
                low[hash.Of(key) % Buckets]++;
            worst = Math.Max(worst, low.Sum(n => Math.Pow(n - 16, 2) / 16));
        }

        // 1,023 degrees of freedom: 1,023 ± 45. The worst of 500 draws is some four deviations out, not twelve.
        Assert.InRange(worst, 1_023, 1_560);
    }
}
