using Akka.Actor;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The cache's store behind the node's <see cref="Actors.StoreActor"/>, if it is an external one. Without the actor (before the actor
/// system starts and after it has ended) calls go directly to the store. So do calls of the shards' stores, each of which has its own
/// mailbox. When the cluster has ended for this node, a store in this process replaces the shards' stores.
/// </summary>
internal sealed class StoreActorStore(IExternalStore store, ClusterNode node) : IExternalStore, IReturnsAtOnce
{
    public bool StoresObjects => store.StoresObjects;

    public int Partitions => store.Partitions;

    /// <summary>The store behind the actor.</summary>
    internal IExternalStore Inner => store;

    private IExternalStore Current => store is ClusterStore && node.Own is { } own ? own : store;

    public int PartitionOf(string key) => store.PartitionOf(key);

    public IExternalStore ForCache(string cacheName) => new StoreActorStore(store.ForCache(cacheName), node);

    public bool AnnouncesOn(INotificationBus bus) => store.AnnouncesOn(bus);

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        Through(request.Key, false, token => Current.ReadAsync(request, token), cancellationToken);

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        Through(null, false, token => Current.ClaimAsync(request, token), cancellationToken, isLetEnd: true);

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease,
        CancellationToken cancellationToken = default) =>
        Through(null, true, token => Current.RenewAsync(claims, lease, token), cancellationToken);

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        Through(null, true, token => Current.CommitAsync(request, token), cancellationToken);

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        Through(null, true, token => Current.ReleaseAsync(request, token), cancellationToken);

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        Through(null, true, token => Current.WriteAsync(request, token), cancellationToken);

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        Through(null, true, token => Current.InvalidateAsync(request, token), cancellationToken);

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        Through(null, false, token => Current.TouchAsync(activities, token), cancellationToken);

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        Through(null, false, token => Current.CheckAsync(keys, token), cancellationToken);

    private ValueTask<T> Through<T>(
        string? readKey, bool isUrgent, Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken,
        bool isLetEnd = false)
        where T : StoreAnswer
    {
        return node.Handle is { } handle && store is not ClusterStore
            ? Await(new StoreJob(async token => await call(token).ConfigureAwait(false), readKey, isUrgent), handle.Store)
            : call(cancellationToken);

        async ValueTask<T> Await(StoreJob job, IActorRef actor)
        {
            actor.Tell(job, ActorRefs.NoSender);
            try
            {
                return (T)await job.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (isLetEnd && cancellationToken.IsCancellationRequested)
            {
                // Given up: skipped if its turn has not come. Otherwise the store has the call and will answer.
                return (T)await job.Answer.ConfigureAwait(false);
            }
        }
    }
}
