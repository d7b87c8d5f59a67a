using Akka.Actor;
using Akka.Cluster;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>Tells in plain words who comes to the cluster, is missed in it, and goes.</summary>
internal sealed class MemberNews : ReceiveActor
{
    public const string Name = "news";

    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);

    public MemberNews(Action<string> tell)
    {
        Receive<ClusterEvent.MemberUp>(e => tell($"the cluster has a new member at {e.Member.Address.Port}: {Count()}"));
        Receive<ClusterEvent.UnreachableMember>(e => tell($"the cluster misses its member at {e.Member.Address.Port}"));
        Receive<ClusterEvent.MemberRemoved>(e => tell($"the cluster has removed its member at {e.Member.Address.Port}, whose shards come back elsewhere"));
    }

    public static Props Props(Action<string> tell) => Akka.Actor.Props.Create(() => new MemberNews(tell));

    protected override void PreStart() => _cluster.Subscribe(
        Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
        typeof(ClusterEvent.MemberUp), typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.MemberRemoved));

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    private string Count() => $"{_cluster.State.Members.Count(member => member.Status == MemberStatus.Up)} now";
}

/// <summary>Starts <see cref="MemberNews"/> in an actor system.</summary>
internal static class MemberNewsExtensions
{
    public static void TellMemberNews(this ActorSystem system, Action<string> tell) => system.ActorOf(MemberNews.Props(tell), MemberNews.Name);
}
