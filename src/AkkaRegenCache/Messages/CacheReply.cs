using System.Runtime.ExceptionServices;
using Akka.Actor;
using AkkaRegenCache.Serialization;

namespace AkkaRegenCache.Messages;

/// <summary>
/// The only answer to a <see cref="CacheRequest"/>. Errors are replies, too, and never a <see cref="Status.Failure"/>. So an
/// <c>Ask&lt;CacheReply&gt;</c> throws only if it timed out. Immutable, except for the value, which all its readers share.
/// </summary>
public sealed record CacheReply : INoSerializationVerificationNeeded
{
    internal CacheReply(string? key, CacheReplyKind kind)
    {
        Key = key;
        Kind = kind;
    }

    /// <summary>The request's key, as it was given.</summary>
    public string? Key { get; }

    /// <summary>What became of the request.</summary>
    public CacheReplyKind Kind { get; }

    /// <summary>Whether there is a value. Null may be a found value.</summary>
    public bool IsFound => Kind == CacheReplyKind.Found;

    /// <summary>The value; null where there is none.</summary>
    public object? Value { get; internal init; }

    /// <summary>What became of a set or a removal; null: it was none, or it failed.</summary>
    public ChangeResult? Change { get; internal init; }

    /// <summary>What <see cref="IRegenCache"/> would have thrown, as it was; null: nothing went wrong.</summary>
    public Exception? Error { get; internal init; }

    /// <summary>The value; or throws what went wrong, as a call of <see cref="IRegenCache"/> would have.</summary>
    /// <typeparam name="T">The value's type, or one of its bases.</typeparam>
    /// <exception cref="KeyNotFoundException">There is no value.</exception>
    /// <exception cref="InvalidOperationException">
    /// The value is of another type; or the request was a set or a removal, to which there is none.
    /// </exception>
    public T As<T>()
    {
        if (Error is not null)
            ExceptionDispatchInfo.Throw(Error);
        return Kind switch
        {
            CacheReplyKind.NotFound => throw new KeyNotFoundException($"There is no value of '{Key}'."),
            CacheReplyKind.Changed => throw new InvalidOperationException($"'{Key}' was set or removed: the reply has no value."),
            _ => ValueCodec.TryCast<T>(Value, out var value) ? value : throw ValueCodec.WrongType<T>(Key!, Value),
        };
    }
}

/// <summary>What became of a <see cref="CacheRequest"/>. A controller makes its status code of it.</summary>
public enum CacheReplyKind
{
    /// <summary>There is a value. (200)</summary>
    Found,

    /// <summary>There is no value, and nothing was to be generated. (404)</summary>
    NotFound,

    /// <summary>
    /// The set or the removal has come to its end, or is pending; <see cref="CacheReply.Change"/> tells whether it is the one that stays.
    /// (204)
    /// </summary>
    Changed,

    /// <summary>
    /// It can't be done as it was asked: the key is not usable, its keyspace is not registered, an option is not usable, or a value is of
    /// another type. (400)
    /// </summary>
    Rejected,

    /// <summary>The generator failed, here or on another node; or what it made, or what was stored before, can't be used. (502)</summary>
    Failed,

    /// <summary>The hard timeout or the generation deadline has passed; or the request's token was cancelled. (504)</summary>
    TimedOut,

    /// <summary>The cache is disposed of; or too many changes wait for the external store already. (503)</summary>
    Unavailable,
}
