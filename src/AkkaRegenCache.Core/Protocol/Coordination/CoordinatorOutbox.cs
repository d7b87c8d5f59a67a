namespace AkkaRegenCache.Protocol;

/// <summary>What a coordinator wants told, in order. Reused by its shell from call to call.</summary>
internal sealed class CoordinatorOutbox
{
    private readonly List<(string? Node, FromCoordinator Message)> _messages = [];

    public int Count => _messages.Count;

    /// <summary>To which node; null: to all of the cache.</summary>
    public (string? Node, FromCoordinator Message) this[int index] => _messages[index];

    public void Send(string? node, FromCoordinator message) => _messages.Add((node, message));

    public void Clear() => _messages.Clear();
}
