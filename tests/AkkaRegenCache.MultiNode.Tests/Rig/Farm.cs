using Akka.Cluster;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>
/// Three nodes in one process, over real remoting, whose links can be cut. The cluster's failure detector must notice each cut and each healing, and
/// letters must stop at a cut: a cut that is none fails the test.
/// </summary>
internal sealed class Farm : IAsyncDisposable
{
    private readonly Links _links = new();

    private Farm(string mode, FarmSettings settings)
    {
        IExternalStore? external = mode == Mode.Cluster ? new InMemoryStore(storesObjects: false) : null;
        Nodes = [.. ((string[])["first", "second", "third"]).Select(name => new FarmNode(name, external, settings))];
    }

    public IReadOnlyList<FarmNode> Nodes { get; }

    /// <summary>The oldest node: the shards' allocation is decided here.</summary>
    public FarmNode First => Nodes[0];

    public FarmNode Second => Nodes[1];

    public FarmNode Third => Nodes[2];

    /// <summary>Forms the cluster, starts the cache everywhere, and waits until all shards are at home and all nodes hear each other.</summary>
    public static async Task<Farm> StartAsync(string mode, FarmSettings? settings = null)
    {
        settings ??= new FarmSettings();
        var farm = new Farm(mode, settings);
        try
        {
            await farm.StartAsync(hearsNotifications: !settings.IsDeaf);
            return farm;
        }
        catch
        {
            await farm.DisposeAsync();
            throw;
        }
    }

    /// <summary>Cuts a node off from all others, in both directions.</summary>
    public Task CutOffAsync(FarmNode node) =>
        CutAsync([.. Others(node).SelectMany(other => ((FarmNode, FarmNode)[])[(node, other), (other, node)])]);

    /// <summary>Cuts links in one direction each, and waits until the failure detectors of both ends have noticed.</summary>
    public async Task CutAsync(params IReadOnlyList<(FarmNode From, FarmNode To)> links)
    {
        await _links.CutAsync(links);
        foreach (var (from, to) in links.Where(link => !_links.IsCut(link.To, link.From)))
            await Links.PassesAsync(to, from);

        // A node that is heard but hears nothing gets no answers to its heartbeats either.
        foreach (var (one, other) in links.SelectMany(link => ((FarmNode, FarmNode)[])[link, (link.To, link.From)]).Distinct())
        {
            await Eventually.PassesAsync(
                $"{one.Name} finds {other.Name} unreachable",
                () => Assert.Contains(other.Address, one.Cluster.State.Unreachable.Select(member => member.Address)));
        }

        _links.AssertNothingPassed();
    }

    /// <summary>Lifts all cuts, and waits until all nodes reach all others.</summary>
    public async Task HealAsync()
    {
        _links.AssertNothingPassed();
        await _links.LiftAsync();
        await ConnectedAsync();
    }

    public IReadOnlyList<FarmNode> Others(FarmNode node) => [.. Nodes.Where(other => other != node)];

    /// <summary>A key whose shard lives on a node; keys of different prefixes are different.</summary>
    public static async Task<string> KeyAtAsync(FarmNode node, string prefix = "key")
    {
        var shards = await node.ShardsHereAsync();
        return Keys.InShard(node.Place, shards.Min(), prefix);
    }

    /// <summary>All these nodes, or all of the farm, come to show this value.</summary>
    public Task AllShowAsync(string key, string value, params IReadOnlyList<FarmNode> nodes)
    {
        nodes = nodes.Count == 0 ? Nodes : nodes;
        return Eventually.PassesAsync($"all show '{value}' for '{key}'", async () =>
        {
            var shown = await Task.WhenAll(nodes.Select(node => node.ShownAsync(key)));
            Assert.Equal(nodes.Select(node => $"{node.Name} shows {value}"), shown);
        });
    }

    /// <summary>All nodes come to show the same value, one of these, and it is the store's.</summary>
    public async Task<string> AgreeAsync(string key, params string[] values)
    {
        var agreed = "";
        await Eventually.PassesAsync($"all agree on '{key}'", async () =>
        {
            var shown = await Task.WhenAll(Nodes.Select(node => node.ShownAsync(key)));
            var stored = await First.StoredAsync(key);
            agreed = values.FirstOrDefault(value => stored == $"first reads {value}") ?? "";
            Assert.Equal(Nodes.Select(node => $"{node.Name} shows {agreed}").Append($"first reads {agreed}"), shown.Append(stored));
        });
        return agreed;
    }

    /// <summary>A set from each of these nodes reaches all of them.</summary>
    public async Task SetsReachAllAsync(string prefix, params IReadOnlyList<FarmNode> nodes)
    {
        nodes = nodes.Count == 0 ? Nodes : nodes;
        foreach (var node in nodes)
        {
            var key = $"{prefix} {node.Name}";
            await Eventually.PassesAsync(
                $"a set from {node.Name} is accepted", async () => Assert.False((await node.Cache.SetAsync(key, "set by " + node.Name)).IsPending));
            await AllShowAsync(key, "set by " + node.Name, nodes);
        }
    }

    /// <summary>How often generators have run on all nodes.</summary>
    public void AssertRuns(int expected) => Assert.True(
        Nodes.Sum(node => node.Runs) == expected, $"{expected} runs were expected: {string.Join(", ", Nodes.Select(node => $"{node.Name} made {node.Runs}"))}.");

    /// <summary>These nodes know each other as members and nobody else, and each shard answers each of them.</summary>
    public static async Task MembersAreAsync(params IReadOnlyList<FarmNode> nodes)
    {
        await Eventually.PassesAsync("all know all members and no others", () => Assert.Equal(
            nodes.Select(node => $"{node.Name} knows {nodes.Count} up of {nodes.Count}"),
            nodes.Select(node => $"{node.Name} knows {node.Cluster.State.Members.Count(m => m.Status == MemberStatus.Up)} up of {node.Cluster.State.Members.Count}")));
        foreach (var node in nodes.Where(node => node.Place.Handle is not null))
        {
            for (var shard = 0; shard < FarmNode.Shards; shard++)
            {
                var each = shard;
                await Eventually.PassesAsync($"shard {shard} answers {node.Name}", () => node.AssertAnswersAsync(each));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
            await node.DisposeAsync();
    }

    private async Task StartAsync(bool hearsNotifications)
    {
        foreach (var node in Nodes)
        {
            node.Cluster.Join(First.Address);
            await MembersAreAsync([.. Nodes.TakeWhile(earlier => earlier != node), node]);
        }

        foreach (var node in Nodes)
            await node.StartCacheAsync();
        await Eventually.PassesAsync("all caches are connected", () => Assert.All(Nodes, node => Assert.True(node.Place.IsUp && node.Place.Handle is not null)));
        await MembersAreAsync(Nodes);

        // Balanced shards stay where they are: no rebalancing comes in the midst of a test.
        await Eventually.PassesAsync("the shards are balanced", async () =>
        {
            var counts = await Task.WhenAll(Nodes.Select(async node => (await node.ShardsHereAsync()).Count));
            Assert.Equal([2, 3, 3], counts.Order());
        });
        await MembersAreAsync(Nodes);
        await ConnectedAsync();
        if (hearsNotifications)
            await SetsReachAllAsync("hello");
    }

    private async Task ConnectedAsync()
    {
        var nodes = Nodes.Where(node => !node.HasEnded).ToList();
        await Eventually.PassesAsync("all nodes are reachable", () => Assert.Equal(
            nodes.Select(node => $"{node.Name} misses "),
            nodes.Select(node => $"{node.Name} misses {string.Join(", ", node.Cluster.State.Unreachable.Select(member => member.Address))}")));
        foreach (var from in nodes)
        {
            foreach (var to in nodes.Where(to => to != from))
                await Links.PassesAsync(from, to);
        }
    }
}
