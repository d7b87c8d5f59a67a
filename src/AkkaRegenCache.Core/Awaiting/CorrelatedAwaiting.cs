using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// Lets callers on any node of a farm wait for a message that any node publishes. Each node has an object of its own for a topic; what
/// carries messages between them (an Akka cluster, Redis, nothing) is chosen at registration and changes no code that uses it.
/// </summary>
/// <remarks>
/// <para>
/// <b>A published message is a hint.</b> This node's awaiters hear it before <see cref="PublishAsync"/> has sent it; other nodes hear it at
/// most once, and not at all where their subscription does not stand yet or a connection is down. So: register, ask whether what is waited
/// for has come already, await the message with a deadline, and at the deadline ask again.
/// </para>
/// <para>
/// On this node an awaiter hears nothing that was published before it was registered. From another node it may: that message was on its
/// way.
/// </para>
/// <para>
/// All members may be called from any number of threads. The key function and the message type's serializer run on whatever thread brings a
/// message, so they must be quick; what they throw costs that message alone. A node where nobody waits does not even deserialize.
/// </para>
/// </remarks>
/// <typeparam name="TMessage">
/// Type of the messages. Other nodes get a copy, made by the application's serializer for it, else
/// System.Text.Json.
/// </typeparam>
/// <typeparam name="TKey">Type of what correlates a message with its awaiters.</typeparam>
public sealed class CorrelatedAwaiting<TMessage, TKey> : IDisposable
    where TKey : notnull
{
    // Tells this node's own messages, which its awaiters have heard already, when the channel brings them back.
    private readonly long _origin = Random.Shared.NextInt64();
    private readonly ICorrelatedChannel? _channel;
    private readonly IDisposable? _subscription;
    private readonly ValueCodec _codec;
    private readonly CorrelatedLog _log;
    private readonly int _maximumBytes;
    private volatile bool _disposed;

    /// <summary>Creates one for this process alone: in tests, or where there is no container.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="keyOf">Gives a message's key; quick, thread-safe, and never null.</param>
    /// <param name="options">How it is awaited; null: the defaults.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <exception cref="ArgumentException">The topic is empty, or an option is not usable; the message names it.</exception>
    public CorrelatedAwaiting(
        string topic, Func<TMessage, TKey> keyOf, CorrelatedAwaitingOptions<TKey>? options = null, TimeProvider? timeProvider = null)
        : this(topic, keyOf, options ?? new(), null, null, timeProvider, null)
    {
    }

    internal CorrelatedAwaiting(
        string topic,
        Func<TMessage, TKey> keyOf,
        CorrelatedAwaitingOptions<TKey> options,
        ICorrelatedChannel? channel,
        IServiceProvider? services,
        TimeProvider? timeProvider,
        ILogger? logger)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        ArgumentNullException.ThrowIfNull(keyOf);
        options.Validate(topic);
        Topic = topic;
        Awaiters = new CorrelatedAwaitManager<TMessage, TKey>(keyOf, options.MaximumLifetime, options.Comparer, timeProvider);
        _maximumBytes = options.MaximumMessageBytes;
        _codec = new ValueCodec(CorrelatedTopic.SerializerKey(topic), services, json: null, storesObjects: false, _maximumBytes);
        _log = new CorrelatedLog(logger ?? NullLogger.Instance, topic, timeProvider ?? TimeProvider.System);
        _channel = channel;
        _subscription = channel?.Subscribe(Hear);
    }

    /// <summary>The topic's name: the same on every node.</summary>
    public string Topic { get; }

    /// <summary>This node's awaiters.</summary>
    public CorrelatedAwaitManager<TMessage, TKey> Awaiters { get; }

    internal int MaximumMessageBytes => _maximumBytes;

    /// <summary>Registers an awaiter on this node for the next message of <paramref name="key"/>.</summary>
    /// <inheritdoc cref="CorrelatedAwaitManager{TMessage, TKey}.Register"/>
    public CorrelatedAwaiter<TMessage> Register(TKey key, CancellationToken cancellationToken = default) =>
        Awaiters.Register(key, cancellationToken);

    /// <summary>
    /// Completes the awaiters of the message's key: on this node before it returns, on the others as soon as they hear of
    /// it.
    /// </summary>
    /// <param name="message">The message; not null. This node's awaiters get the very object.</param>
    /// <returns>
    /// Whether the message was handed to the farm; in one process always true. False: only this node's awaiters have it, as there is no
    /// connection or this node is no member; the log says why. True is no promise that everybody hears it.
    /// </returns>
    /// <exception cref="ArgumentNullException">There is no message.</exception>
    /// <exception cref="ArgumentException">
    /// Serialized, the message has more than <see cref="CorrelatedAwaitingOptions{TKey}.MaximumMessageBytes"/>; nobody has heard it.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The message can't be serialized, or the key function gave null; nobody has heard
    /// it.
    /// </exception>
    /// <exception cref="ObjectDisposedException">This object was disposed.</exception>
    public ValueTask<bool> PublishAsync(TMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_channel is null)
        {
            Awaiters.Notify(message);
            return new(true);
        }

        // First: what can't be sent is an error before anybody has heard it.
        var frame = FrameOf(message);
        Awaiters.Notify(message);
        return SendAsync(_channel, frame);
    }

    /// <summary>Ends the subscription, and all awaiters with an <see cref="ObjectDisposedException"/>. Done by the container.</summary>
    public void Dispose()
    {
        _disposed = true;
        _subscription?.Dispose();
        Awaiters.Dispose();
    }

    /// <summary>Takes what the channel brings. Never throws: what can't be used is dropped, and the log says so.</summary>
    private void Hear(ReadOnlyMemory<byte> frame)
    {
        if (_disposed)
            return;
        try
        {
            if (CorrelatedFrame.Read(frame, out var origin, out var bytes) is { } flaw)
                _log.Dropped(flaw, null);
            else if (origin != _origin)
                Deliver(bytes);
        }
        catch (Exception e)
        {
            _log.Dropped("its key can't be told", e);
        }
    }

    private void Deliver(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > _maximumBytes)
            _log.Dropped($"it has {bytes.Length:N0} bytes, and MaximumMessageBytes is {_maximumBytes:N0}", null);
        else if (Awaiters.KeyCount == 0)
            return;
        else if (!_codec.TryDecode<TMessage>(Topic, CachePayload.FromBytes(bytes), out var message, out var error))
            _log.Dropped($"it can't be read as {typeof(TMessage)}", error);
        else if (message is null)
            _log.Dropped("it is null", null);
        else
            Awaiters.Notify(message);
    }

    private byte[] FrameOf(TMessage message)
    {
        ReadOnlyMemory<byte> bytes;
        try
        {
            bytes = _codec.Encode(Topic, message, null).Bytes ?? default;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidOperationException(
                $"A message of topic '{Topic}' ({typeof(TMessage)}) can't be serialized: {e.InnerException?.Message ?? e.Message}",
                e.InnerException);
        }

        if (bytes.Length > _maximumBytes)
        {
            throw new ArgumentException(
                $"A message of topic '{Topic}' has {bytes.Length:N0} bytes, and MaximumMessageBytes is {_maximumBytes:N0}: "
                + "let it carry a key, and let those who wait fetch the rest.",
                nameof(message));
        }

        return CorrelatedFrame.Write(_origin, bytes.Span);
    }

    private async ValueTask<bool> SendAsync(ICorrelatedChannel channel, byte[] frame)
    {
        try
        {
            return await channel.SendAsync(frame).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _log.NotSent(e);
            return false;
        }
    }
}
