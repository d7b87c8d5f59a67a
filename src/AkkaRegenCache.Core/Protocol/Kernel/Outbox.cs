namespace AkkaRegenCache.Protocol;

/// <summary>The sender or receiver of a message.</summary>
internal enum Peer
{
    /// <summary>The callers of this node's cache.</summary>
    Callers,

    /// <summary>The external store.</summary>
    Store,

    /// <summary>The code that runs this node's generators.</summary>
    Generators,

    /// <summary>This node's memory layer.</summary>
    Memory,

    /// <summary>The notifications to and from the other nodes.</summary>
    Bus,

    /// <summary>The clock: a deadline has come.</summary>
    Clock,

    /// <summary>The coordinators of the key's shards.</summary>
    Coordinator,
}

/// <summary>The messages that a machine wants sent, in order. Its shell reuses it for each call.</summary>
internal sealed class Outbox
{
    private readonly List<(Peer To, object Message)> _messages = [];

    public int Count => _messages.Count;

    public (Peer To, object Message) this[int index] => _messages[index];

    public void Send(Peer to, object message) => _messages.Add((to, message));

    public void Clear() => _messages.Clear();
}
