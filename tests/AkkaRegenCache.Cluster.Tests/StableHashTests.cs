using AkkaRegenCache.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

public sealed class StableHashTests
{
    /// <summary>Nodes of two versions must agree where a key belongs: these never change.</summary>
    [Theory]
    [InlineData("", 0xAB3E7C0B)]
    [InlineData("a", 0x91E9DA27)]
    [InlineData("key", 0xE6E087F1)]
    [InlineData("k\u00e4y", 0x256FD750)]
    [InlineData("\ud83c\udf4e", 0x6CECD9D8)]
    [InlineData("product:12345:price", 0xDD361C34)]
    public void The_hash_of_a_key_is_the_known_one(string key, long hash) => Assert.Equal(hash, StableHash.Of(key));

    [Fact]
    public void Keys_that_differ_in_their_last_digits_spread_evenly()
    {
        var counts = new int[64];
        for (var i = 0; i < 64_000; i++)
            counts[StableHash.ShardOf($"product:{i}", counts.Length)]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void Names_of_caches_are_safe_in_a_path_and_never_meet()
    {
        string[] names = ["a", "A", "a b", "a/b", "a:store", "a~0020b", "\u00e4", "$a", "a%20b", "a b ", new string('x', 200)];
        Assert.All(names, name => Assert.True(Akka.Actor.ActorPath.IsValidPathElement(ClusterNames.Agent(name)), name));
        var all = names.SelectMany(name => new[] { ClusterNames.Agent(name), ClusterNames.Store(name), ClusterNames.Partitions(name) }).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
    }
}
