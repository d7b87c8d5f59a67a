namespace AkkaRegenCache.Simulation;

/// <content>The model of a key.</content>
internal sealed partial class Oracle
{
    /// <summary>What the store must hold of a key, told from its answers and nothing else.</summary>
    private sealed class KeyModel(string key)
    {
        public string Key { get; } = key;

        public long LastToken { get; set; }

        public long NewestToken { get; set; }

        public SimValue? Value { get; set; }

        public long RecordEnds { get; set; }

        public long DueAt { get; set; }

        public long Interval { get; set; }

        public long ClaimToken { get; set; }

        public long LeaseEnds { get; set; }

        public string ClaimOwner { get; set; } = "";

        public long ClaimedAt { get; set; }

        /// <summary>Whether it was taken over: then it is not again, within its first lease.</summary>
        public bool IsStolen { get; set; }

        public long ChangedAt { get; set; } = long.MinValue;

        public long ChangeAskedAt { get; set; } = long.MinValue;

        public long LastOutcome { get; set; } = long.MinValue;

        public long AcceptedAt { get; set; } = long.MinValue;

        public long RunEndedAt { get; set; } = long.MinValue;

        public long LastUse { get; set; } = long.MinValue / 2;

        /// <summary>When it was asked for after so long that it might not have been made any more.</summary>
        public long ReturnedAt { get; set; } = long.MinValue / 2;

        public Dictionary<long, SimValue?> Accepted { get; } = [];

        /// <summary>In which epoch of the store each token was accepted.</summary>
        public Dictionary<long, int> Epochs { get; } = [];

        public void ForgetEpoch(long now)
        {
            LastToken = NewestToken = ClaimToken = LeaseEnds = RecordEnds = DueAt = 0;
            Value = null;
            ChangedAt = long.MinValue;
            LastOutcome = AcceptedAt = now;
        }

        public Dictionary<long, long> Applied { get; } = [];
    }
}
