using System.Collections.Concurrent;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>
/// A store for each name of a cache: in a cluster, a cache of another name is another region; the registration sees to that.
/// </summary>
internal sealed class NamedStores(Func<string, IExternalStore> start) : DelegatingStore
{
    private readonly ConcurrentDictionary<string, IExternalStore> _stores = new();

    public override bool StoresObjects => false;

    public override int Partitions => 1;

    protected override IExternalStore Inner => ForCache("main");

    public override int PartitionOf(string key) => 0;

    public override IExternalStore ForCache(string cacheName) => _stores.GetOrAdd(cacheName, start);
}
