using Akka.Actor;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Storage;

/// <summary>A request to a shard's store, and the value that is sent separately. Its caller's members are thread-safe.</summary>
internal sealed class PartitionCall : INoSerializationVerificationNeeded
{
    private readonly TaskCompletionSource<StoreAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Creates a request.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="request">The request.</param>
    /// <param name="payload">Its value.</param>
    public PartitionCall(int shard, object request, ReadOnlyMemory<byte>? payload = null)
    {
        Shard = shard;
        if (payload is { Length: > WireLimits.Payload } large)
        {
            Large = large;
            request = StorePayloads.Without(request);
        }

        Request = request;
    }

    public int Shard { get; }

    public object Request { get; }

    /// <summary>The value, if the shard fetches it.</summary>
    public ReadOnlyMemory<byte> Large { get; }

    public Task<StoreAnswer> Answer => _answer.Task;

    // For the actor only.

    public long Id { get; set; }

    /// <summary>When it began, by the actor's clock.</summary>
    public long StartedAt { get; set; }

    /// <summary>The answer whose value is being fetched.</summary>
    public StoreAnswer? Partial { get; set; }

    /// <summary>The value that is being fetched.</summary>
    public ChunkBuffer? Fetched { get; set; }

    /// <summary>How often its record changed while its value was being fetched.</summary>
    public int Restarts { get; set; }

    public void Complete(StoreAnswer answer) => _answer.TrySetResult(answer);

    public void Fail(Exception exception)
    {
        _answer.TrySetException(exception);
        _ = _answer.Task.Exception;
    }
}

/// <summary>The caller of a request has stopped waiting.</summary>
internal sealed record PartitionCallAbandoned(PartitionCall Call) : INoSerializationVerificationNeeded;
