namespace AkkaRegenCache.Protocol;

/// <summary>The nodes that a coordinator knows, each with a small number.</summary>
internal sealed class CoordinatorNodes
{
    /// <summary>
    /// Nodes with a higher number than a bit set can hold are never chosen by their offers. They can still wait, hold claims and get
    /// outcomes.
    /// </summary>
    public const int MaximumOffering = 64;

    private const int RememberedDead = 256;

    private readonly List<string?> _names = [];
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _dead = new(StringComparer.Ordinal);
    private readonly Queue<string> _deadInOrder = new();
    private ulong _available;

    /// <summary>The nodes that may be chosen: alive, and not leaving.</summary>
    public ulong Available => _available;

    public string this[int number] => _names[number]!;

    /// <summary>The number of a node that has sent a message: it is alive.</summary>
    /// <param name="name">The node.</param>
    /// <param name="isNews">Whether the node was unknown or believed dead.</param>
    public int Hear(string name, out bool isNews)
    {
        isNews = !_numbers.TryGetValue(name, out var number);
        if (!isNews)
            return number;
        _dead.Remove(name);
        number = _names.IndexOf(null);
        if (number < 0)
        {
            number = _names.Count;
            _names.Add(null);
        }

        _names[number] = name;
        _numbers.Add(name, number);
        _available |= BitOf(number);
        return number;
    }

    public bool IsDead(string name) => _dead.Contains(name);

    /// <summary>The node does not regenerate any more.</summary>
    public void Leave(int number) => _available &= ~BitOf(number);

    /// <summary>The node is believed dead. Its number is free for another node.</summary>
    /// <returns>Its number; <see cref="TrackedKey.Nobody"/>: it was not known.</returns>
    public int Lose(string name)
    {
        if (_dead.Add(name))
        {
            _deadInOrder.Enqueue(name);
            if (_deadInOrder.Count > RememberedDead)
                _dead.Remove(_deadInOrder.Dequeue());
        }

        if (!_numbers.Remove(name, out var number))
            return TrackedKey.Nobody;
        _names[number] = null;
        _available &= ~BitOf(number);
        return number;
    }

    public static ulong BitOf(int number) => number < MaximumOffering ? 1UL << number : 0;
}
