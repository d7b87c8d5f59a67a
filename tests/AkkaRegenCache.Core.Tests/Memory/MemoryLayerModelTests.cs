using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

/// <summary>Random operations on the layer and on a plain dictionary, which must agree after each of them.</summary>
public sealed class MemoryLayerModelTests
{
    private const int Operations = 20_000;

    public static TheoryData<int, int, int, bool> Cases()
    {
        var cases = new TheoryData<int, int, int, bool>();
        for (int seed = 1; seed <= 6; seed++)
        {
            foreach (bool stops in new[] { false, true })
            {
                cases.Add(seed, 1, 1_000_000, stops);
                cases.Add(seed, 7, 300, stops);
                cases.Add(seed, 60, 1_000_000, stops);
                cases.Add(seed, 1_000_000, 2_500, stops);
                cases.Add(seed, 1_000_000, 1_000_000, stops);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_layer_agrees_with_a_plain_dictionary(int seed, int maxEntries, int maxBytes, bool stops)
    {
        var random = new Random(seed);
        MemoryLayer layer = Layers.Of(maxEntries, maxBytes, stops ? MemoryPolicy.StopAdmitting : MemoryPolicy.Evict);
        var model = new Dictionary<string, (object Value, int Size)>();
        var left = new HashSet<MemoryEntry>(ReferenceEqualityComparer.Instance);

        for (int i = 0; i < Operations; i++)
        {
            // Square: some keys are asked for far more often than others.
            string key = $"k{random.Next(15) * random.Next(15)}";
            switch (random.Next(10))
            {
                case < 5:
                    Assert.Equal(model.TryGetValue(key, out var known) ? known.Value : null, layer.Read(key));
                    break;
                case < 9:
                    object value = i;
                    int size = random.Next(20) == 0 ? random.Next(maxBytes * 2) : random.Next(100);
                    SetOutcome outcome = layer.Set(key, value, null, null, i, size, out MemoryEntry? entry);
                    foreach (MemoryEntry evicted in layer.Evicted)
                    {
                        Assert.True(left.Add(evicted), "Evicted twice.");
                        Assert.True(model.Remove(evicted.Key), "Evicted what was not there.");
                        Assert.NotEqual(key, evicted.Key);
                    }

                    Follow(model, layer, key, value, size, outcome, entry, stops, maxEntries, maxBytes);
                    break;
                default:
                    Assert.Equal(model.Remove(key), layer.Remove(key));
                    break;
            }

            if (random.Next(5_000) == 0)
            {
                layer.Clear();
                model.Clear();
            }

            Assert.Equal(model.Count, layer.Count);
            Assert.Equal(model.Values.Sum(entry => (long)entry.Size), layer.Bytes);
            Assert.InRange(layer.Count, 0, maxEntries);
            Assert.InRange(layer.Bytes, 0, maxBytes);
        }

        Assert.Equal(model.Keys.Order(StringComparer.Ordinal), layer.Keys().Order(StringComparer.Ordinal));
    }

    private static void Follow(
        Dictionary<string, (object Value, int Size)> model, MemoryLayer layer, string key, object value, int size,
        SetOutcome outcome, MemoryEntry? entry, bool stops, int maxEntries, int maxBytes)
    {
        bool wasThere = model.Remove(key);
        long others = model.Values.Sum(other => (long)other.Size);
        bool fits = stops ? others + size <= maxBytes && model.Count < maxEntries : size <= maxBytes;
        // One that does not grow stays even where it could not have come in: sizes never exceed the bound, so this is the same.
        Assert.Equal((wasThere, fits) switch
        {
            (true, true) => SetOutcome.Replaced,
            (true, false) => SetOutcome.Dropped,
            (false, true) => SetOutcome.Admitted,
            (false, false) => SetOutcome.Refused,
        }, outcome);
        Assert.Equal(fits, entry is not null);
        Assert.Same(entry, layer.Find(key));
        if (!fits)
        {
            Assert.Empty(layer.Evicted);
            return;
        }

        model.Add(key, (value, size));
        Assert.Same(value, entry!.Value);
    }
}
