namespace AkkaRegenCache.Protocol;

/// <summary>The messages that a coordinator wants sent, in order. Its shell reuses it for each call.</summary>
internal sealed class CoordinatorOutbox
{
    private readonly List<(string? Node, FromCoordinator Message)> _messages = [];

    public int Count => _messages.Count;

    /// <summary>The receiving node (null: all nodes of the cache) and the message.</summary>
    public (string? Node, FromCoordinator Message) this[int index] => _messages[index];

    public void Send(string? node, FromCoordinator message) => _messages.Add((node, message));

    public void Clear() => _messages.Clear();
}
