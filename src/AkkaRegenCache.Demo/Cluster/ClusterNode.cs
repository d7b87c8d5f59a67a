using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using AkkaRegenCache.Demo.Farm;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>
/// A web node that is a member of an Akka cluster. Killed in the demo's own process, its connections break from one moment to the next, to the clients, the
/// origin and the other members.
/// </summary>
internal sealed class ClusterNode : FarmNode
{
    /// <summary>
    /// For how long a newcomer waits to be a member before it serves all the same: beside a dead node, which can't be reached, nobody becomes one. Where all live,
    /// a start takes what a busy machine makes of it.
    /// </summary>
    private static readonly TimeSpan PatienceOfNewcomer = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PatienceOfFounder = TimeSpan.FromMinutes(2);

    private readonly WebNode _node;
    private readonly ActorSystem _system;
    private readonly ErrorsToConsole _errors;
    private Task? _ended;

    private ClusterNode(int number, WebNode node, ErrorsToConsole errors)
        : base(number)
    {
        _errors = errors;
        _node = node;
        _system = node.Services.GetRequiredService<ActorSystem>();
    }

    public override Uri Address => _node.Address;

    /// <summary>Where other nodes join its cluster.</summary>
    public string ClusterAddress => Akka.Cluster.Cluster.Get(_system).SelfAddress.ToString();

    /// <summary>Starts a node, and waits a while for it to be a member.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="origin">Where values come from.</param>
    /// <param name="redis">The address of Redis; null: the cluster stores the values.</param>
    /// <param name="seed">The address of a member; null: it begins a cluster.</param>
    /// <param name="isNewcomer">Whether it joins while clients read, perhaps beside a dead node.</param>
    /// <param name="tell">Is told who comes and goes; null: nobody is.</param>
    public static async Task<ClusterNode> StartAsync(int number, Uri origin, string? redis, string? seed, bool isNewcomer, Action<string>? tell)
    {
        var errors = new ErrorsToConsole();
        WebNode web = await WebNode.StartAsync(
            origin,
            cache =>
            {
                if (redis is not null)
                    cache.UseRedis(redis);
                Shop.AddTo(cache, hasExternalStore: redis is not null);
                cache.Services.AddSingleton<IProductSource, OriginProducts>();
                cache.Services.AddLogging(logging => logging.AddProvider(errors));
            },
            endpoints => endpoints.MapControllers());
        var node = new ClusterNode(number, web, errors);
        try
        {
            if (tell is not null)
                node._system.TellMemberNews(tell);
            Task joined = Shop.JoinAsync(web.Services, seed);
            await joined.WaitAsync(isNewcomer ? PatienceOfNewcomer : PatienceOfFounder);
        }
        catch (TimeoutException)
        {
            // It serves alone until the others have removed whom they can't reach, and let it in.
        }

        return node;
    }

    public override Task<int> GeneratingAsync(CancellationToken cancellationToken) => Task.FromResult(_node.Generating);

    /// <summary>Leaves the cluster; what is left of a node that was killed is cleared away.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_ended is { } ended)
            await ended;
        else
            await _node.DisposeAsync();
    }

    protected override void KillCore()
    {
        _errors.IsMute = true;
        _node.Kill();
        _ended = EndAsync();
    }

    private async Task EndAsync()
    {
        await ((RemoteActorRefProvider)((ExtendedActorSystem)_system).Provider).Transport.Shutdown();
        _system.EventStream.SetLogLevel(Akka.Event.LogLevel.ErrorLevel);
        await _system.Terminate();
    }

    private sealed class OriginProducts(WebNode node) : IProductSource
    {
        public async Task<Product?> LoadAsync(string id, CancellationToken cancellationToken) =>
            new(id, await node.AskOriginAsync(id, cancellationToken));
    }
}
