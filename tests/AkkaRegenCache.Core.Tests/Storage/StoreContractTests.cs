using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Caching.Distributed;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>The contract on a virtual clock.</summary>
public abstract class VirtualTimeStoreContract : ExternalStoreContract
{
    protected VirtualTimeProvider Clock { get; } = new();

    protected override Task AdvanceAsync(TimeSpan time)
    {
        Clock.Advance(time);
        return Task.CompletedTask;
    }
}

public sealed class InMemoryStoreTests : VirtualTimeStoreContract
{
    private readonly InMemoryStore _store;

    public InMemoryStoreTests() => _store = new InMemoryStore(Clock);

    protected override IExternalStore Store => _store;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_has_ended_is_let_go_of(bool inPartition)
    {
        var store = inPartition ? _store.ForCache("part") : _store;
        for (var i = 0; i < 200; i++)
        {
            var claim = new ClaimRequest { Key = $"key{i}", Operation = Op(), Owner = "a", Lease = Unit };
            var token = (await store.ClaimAsync(claim)).Token;
            switch (i % 4)
            {
                case 0:
                    await store.CommitAsync(new CommitRequest
                    {
                        Key = claim.Key,
                        Operation = Op(),
                        Token = token,
                        Payload = Payload("value"),
                        Schedule = Fresh(10, interval: 5, activeFor: 30),
                    });
                    break;
                case 1:
                    await store.InvalidateAsync(new InvalidateRequest { Key = claim.Key, Operation = Op(), TombstoneFor = Unit * 20 });
                    break;
                case 2:
                    var failure = new GenerationFailure("Some.Exception", "it broke");
                    await store.ReleaseAsync(new ReleaseRequest { Key = claim.Key, Operation = Op(), Token = token, Failure = failure });
                    break;
            }
        }

        Assert.Equal(200, _store.Count);
        await AdvanceAsync(Unit * 31);

        // A few go with each call; nothing of these calls stays.
        for (var i = 0; i < 60; i++)
            await store.ReleaseAsync(new ReleaseRequest { Key = "unknown", Operation = Op(), Token = 1 });
        Assert.Equal(0, _store.Count);
    }
}

/// <summary>The in-memory store as a remote one: it keeps bytes.</summary>
public sealed class InMemoryBytesStoreTests : VirtualTimeStoreContract
{
    private readonly InMemoryStore _store;

    public InMemoryBytesStoreTests() => _store = new InMemoryStore(Clock, storesObjects: false);

    protected override IExternalStore Store => _store;
}

/// <summary>Over Microsoft's cache in memory, which takes arrays.</summary>
public sealed class DistributedMemoryCacheStoreTests : VirtualTimeStoreContract
{
    private readonly DistributedCacheStore _store;

    public DistributedMemoryCacheStoreTests() => _store = new DistributedCacheStore(Caches.InMemory(Clock), Clock);

    protected override IExternalStore Store => _store;
}

/// <summary>Over a cache that takes sequences and writes into buffers, answers later, and takes its time for each call.</summary>
public sealed class DistributedBufferCacheStoreTests : VirtualTimeStoreContract
{
    private readonly DistributedCacheStore _store;

    public DistributedBufferCacheStoreTests()
    {
        var cache = new FakeBufferCache(Clock)
        {
            AnswersLater = true,
            Before = (_, _) =>
            {
                Clock.Advance(TimeSpan.FromMicroseconds(100));
                return null;
            },
        };
        Assert.IsAssignableFrom<IBufferDistributedCache>(cache);
        _store = new DistributedCacheStore(cache, Clock);
    }

    protected override IExternalStore Store => _store;

    protected override TimeSpan Tolerance => TimeSpan.FromMilliseconds(10);
}
